# The protected-mode part of the bzImage, at 1 MB: copies the segments of the ELF file that follows it to where they are
# linked, clears their zero-initialised rest and enters LibOS.
#
# Linux/x86 boot protocol, "32-bit boot protocol": flat 4 GB segments, paging off, esi = physical address of the boot
# parameters. A minimal VMM sets up no more than that, so nothing here needs a descriptor table or firmware.
#
# KERNEL_ENTRY is the physical address of libos_entry_linux; the build tool defines it, and what MemoryCheck.inc needs.

#define BP_E820_COUNT   0x1e8
#define BP_E820_TABLE   0x2d0
#define E820_ENTRY_SIZE 20

#define ELF_PHOFF       32
#define ELF_PHENTSIZE   54
#define ELF_PHNUM       56
#define PH_TYPE         0
#define PH_OFFSET       8
#define PH_PADDR        24
#define PH_FILESZ       32
#define PH_MEMSZ        40
#define PT_LOAD         1

        .code32
        .text
        .globl  _start
_start:
        cli
        cld
        movl    $stack_end, %esp
        pushl   %esi
        movzbl  BP_E820_COUNT(%esi), %ecx
        addl    $BP_E820_TABLE, %esi
        movl    $E820_ENTRY_SIZE, %edx
        xorl    %ebp, %ebp
        call    check_memory
        popl    %ebp
        movl    $kernel, %ebx
        addl    kernel + ELF_PHOFF, %ebx
        movzwl  kernel + ELF_PHNUM, %edx

next_segment:
        cmpl    $PT_LOAD, PH_TYPE(%ebx)
        jne     skip

        # Whole double words first: the file is a few megabytes, and a byte at a time takes four times as long.
        movl    $kernel, %esi
        addl    PH_OFFSET(%ebx), %esi
        movl    PH_PADDR(%ebx), %edi
        movl    PH_FILESZ(%ebx), %ecx
        shrl    $2, %ecx
        rep movsl
        movl    PH_FILESZ(%ebx), %ecx
        andl    $3, %ecx
        rep movsb

        xorl    %eax, %eax
        movl    PH_MEMSZ(%ebx), %ecx
        subl    PH_FILESZ(%ebx), %ecx
        shrl    $2, %ecx
        rep stosl
        movl    PH_MEMSZ(%ebx), %ecx
        subl    PH_FILESZ(%ebx), %ecx
        andl    $3, %ecx
        rep stosb
skip:
        movzwl  kernel + ELF_PHENTSIZE, %eax
        addl    %eax, %ebx
        decl    %edx
        jnz     next_segment

        movl    %ebp, %esi
        movl    $KERNEL_ENTRY, %eax
        jmpl    *%eax

#include "MemoryCheck.inc"

        .balign 16
        .skip   256
stack_end:

        # The build tool appends the ELF file here.
        .balign 16
kernel:
