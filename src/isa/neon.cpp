#include "../micro/vec_neon.h"
#include "all_kernels.h"

LF_DEFINE_ROW(neon);
