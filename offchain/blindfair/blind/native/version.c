/* Which kernel this is, and what the processor has. */

#include "residues.h"

/* Changes with every change of the functions here: a compiled kernel may be older than the package. */
int blindfair_kernel_version(void) { return 3; }

/* 1 if this processor has what `vectors` needs. */
int blindfair_has_vectors(void) {
#if HAS_AVX512
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq");
#else
    return 0;
#endif
}
