# What a processor must have, in the order in which it is told to people. The boot assembly checks what is early,
# which is what it takes to get as far as LibOS' own reports, and LibOS (ProcessorFeatures.cs) all of it, once there is
# a screen. Numbers are CPUID's (Intel SDM 2A, CPUID): the function, the register (ECX, else EDX), the bit.

#include "Layout.h"

        .macro  FEATURE leaf, is_in_ecx, bit, is_early, name
        .section .rodata.names, "a"
9:      .asciz  "\name"
        .section .rodata.features, "a"
        .long   \leaf
        .byte   \is_in_ecx, \bit, \is_early, 0
        .long   9b
        .endm

        .section .rodata.features, "a"
        .align  4
        .globl  required_features
required_features:
        FEATURE 0x80000001, 0, 29, 1, "64-bit mode"
        FEATURE 0x00000001, 0, 0,  1, "x87"
        FEATURE 0x00000001, 0, 4,  1, "TSC"
        FEATURE 0x00000001, 0, 5,  1, "MSR"
        FEATURE 0x00000001, 0, 6,  1, "PAE"
        FEATURE 0x00000001, 0, 8,  1, "CMPXCHG8B"
        FEATURE 0x00000001, 0, 15, 1, "CMOV"
        FEATURE 0x00000001, 0, 24, 1, "FXSAVE"
        FEATURE 0x00000001, 0, 25, 1, "SSE"
        FEATURE 0x00000001, 0, 26, 1, "SSE2"
        FEATURE 0x80000001, 0, 11, 1, "SYSCALL"
        FEATURE 0x00000001, 1, 13, 0, "CMPXCHG16B"
        .globl  required_features_end
required_features_end:
