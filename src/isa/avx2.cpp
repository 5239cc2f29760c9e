#include "../micro/vec_avx2.h"
#include "all_kernels.h"

LF_DEFINE_ROW(avx2);
