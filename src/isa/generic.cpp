#include "../micro/vec_generic.h"
#include "all_kernels.h"

LF_DEFINE_ROW(generic);
