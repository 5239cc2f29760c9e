#include "../micro/vec_avx512.h"
#include "all_kernels.h"

LF_DEFINE_ROW(avx512);
