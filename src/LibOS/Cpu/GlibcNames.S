# What the runtime calls by glibc's names and musl does not have; the linker gives __strdup and __sched_cpufree to
# musl's functions of the same meaning.

        .text

# void *__sched_cpualloc(size_t processors): zeroed memory for so many bits, in words of 64.
        .globl  __sched_cpualloc
        .type   __sched_cpualloc, @function
        .align  16
__sched_cpualloc:
        addq    $63, %rdi
        shrq    $6, %rdi
        movl    $8, %esi
        jmp     calloc
