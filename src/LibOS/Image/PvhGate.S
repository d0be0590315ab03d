# Where PVH loaders enter the ELF file: a few bytes in the first megabyte, which every machine has. They see whether
# the kernel itself, at 16 MB, was put into RAM, before anything of it runs.
#
# Xen's x86/HVM direct boot ABI: 32-bit protected mode, paging off, ebx = hvm_start_info. The build tool makes a segment
# of this and defines KERNEL_START, KERNEL_END, and KERNEL_ENTRY, the address of libos_entry_pvh.

#define INFO_MAGIC              0
#define INFO_VERSION            4
#define INFO_MAP                40
#define INFO_MAP_COUNT          48
#define INFO_RANGE_SIZE         24
#define MAGIC                   0x336EC578

/* As in PvhStartInfo.cs, which refuses a longer map. */
#define MOST_RANGES             4096

        .code32
        .text
        .globl  _start
_start:
        cli
        cld
        movl    $stack_end, %esp
        xorl    %ebp, %ebp
        xorl    %ecx, %ecx

        # What is not valid is the kernel's to report: QEMU's loader overwrites all this with a long command line.
        cmpl    $MAGIC, INFO_MAGIC(%ebx)
        jne     1f
        cmpl    $0, INFO_VERSION(%ebx)          # version 0 has no map
        je      1f
        cmpl    $MOST_RANGES, INFO_MAP_COUNT(%ebx)
        ja      1f
        movl    INFO_MAP(%ebx), %esi
        movl    INFO_MAP_COUNT(%ebx), %ecx
1:      movl    $INFO_RANGE_SIZE, %edx
        call    check_memory
        movl    $KERNEL_ENTRY, %eax
        jmpl    *%eax

#include "MemoryCheck.inc"

        .balign 16
        .skip   256
stack_end:
