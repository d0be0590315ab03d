# The three doors into the kernel, all in 32-bit protected mode with paging off, and the way from there to libos_main.
#
#   Multiboot2   libos_entry_multiboot2   eax = 0x36d76289, ebx = boot information     (GRUB)
#   PVH          libos_entry_pvh          ebx = hvm_start_info                         (qemu -kernel)
#   Linux        libos_entry_linux        esi = boot parameters; no stack, no GDT       (bzImage, minimal VMMs)

#include "Layout.h"

        .section .note.multiboot2, "a", @note
        .align  8
multiboot2_header:
        .long   0xE85250D6                      # magic
        .long   0                               # i386, protected mode
        .long   multiboot2_header_end - multiboot2_header
        .long   -(0xE85250D6 + (multiboot2_header_end - multiboot2_header))

        # No framebuffer tag: BIOS then stays in text mode, and UEFI gives its linear framebuffer.
        .align  8
        .short  3, 0                            # entry address
        .long   12
        .long   libos_entry_multiboot2
        .align  8
        .short  0, 0                            # end
        .long   8
multiboot2_header_end:

        # Aligned to 4 where the header above is aligned to 8: with one alignment the linker would merge both into one
        # PT_NOTE segment, in which QEMU does not find this one.
        .section .note.pvh, "a", @note
        .align  4
        .long   4                               # name size
        .long   4                               # descriptor size
        .long   18                              # XEN_ELFNOTE_PHYS32_ENTRY
        .asciz  "Xen"
        .long   libos_entry_pvh

        .section .text.boot, "ax"
        .code32

        .globl  libos_entry_multiboot2
libos_entry_multiboot2:
        movl    $DOOR_MULTIBOOT2, %edi
        jmp     start32

        .globl  libos_entry_pvh
libos_entry_pvh:
        movl    $DOOR_PVH, %edi
        jmp     start32

        .globl  libos_entry_linux
libos_entry_linux:
        movl    %esi, %ebx
        movl    $DOOR_LINUX, %edi

# edi = door, ebx = what the loader hands over
start32:
        cli
        cld
        movl    $boot_stack_top, %esp
        pushl   %edi
        pushl   %ebx
        call    check_processor
        movl    $0x80000001, %eax
        cpuid
        movl    %edx, %ebp                      # bit 20: no-execute pages
        popl    %ebx
        popl    %edi

        # The first 4 GB in 2 MB pages, twice: at their own addresses, and in the direct map.
        movl    $boot_directories, %esi
        movl    $0x83, %eax                     # present, writable, large
        movl    $2048, %ecx
1:      movl    %eax, (%esi)
        movl    $0, 4(%esi)
        addl    $0x200000, %eax
        addl    $8, %esi
        loop    1b
        movl    $boot_directories + 0x0003, boot_directory_pointers
        movl    $boot_directories + 0x1003, boot_directory_pointers + 8
        movl    $boot_directories + 0x2003, boot_directory_pointers + 16
        movl    $boot_directories + 0x3003, boot_directory_pointers + 24
        movl    $boot_directory_pointers + 3, boot_root
        movl    $boot_directory_pointers + 3, boot_root + 256 * 8
        movl    $boot_root, %eax
        movl    %eax, %cr3

        # Whatever a loader has left on is turned off, except machine checks: OSXSAVE, for one, behind LibOS' back.
        movl    %cr4, %eax
        andl    $0x40, %eax
        orl     $0x620, %eax                    # PAE, OSFXSR, OSXMMEXCPT
        movl    %eax, %cr4

        movl    $0xC0000080, %ecx               # EFER
        rdmsr
        andl    $~0x4000, %eax                  # FFXSR, with which FXSAVE leaves out XMM registers in ring 0
        orl     $0x101, %eax                    # LME, SCE
        btl     $20, %ebp
        jnc     2f
        orl     $0x800, %eax                    # NXE
2:      wrmsr

        movl    %cr0, %eax
        andl    $~0x6000000C, %eax              # EM and TS off; CD and NW too, which a reset leaves on
        orl     $0x80010022, %eax               # PG, WP, NE, MP
        movl    %eax, %cr0

        lgdt    gdt_descriptor
        ljmp    $CODE_SELECTOR, $start64

# Returns where the processor has all that the way to LibOS' reports takes; else says what it lacks, and ends.
check_processor:
        # CPUID is there if bit 21 of the flags can be changed.
        pushfl
        popl    %eax
        movl    %eax, %ecx
        xorl    $0x200000, %eax
        pushl   %eax
        popfl
        pushfl
        popl    %eax
        xorl    %ecx, %eax
        movl    $cpuid_name, %esi
        xorl    %ebp, %ebp
        testl   $0x200000, %eax
        jz      refuse

        movl    $required_features, %esi
1:      cmpb    $0, FEATURE_IS_EARLY(%esi)
        je      2f
        call    has_feature
        jnc     tell_missing
2:      addl    $FEATURE_SIZE, %esi
        cmpl    $required_features_end, %esi
        jb      1b
        ret

# Once something has to be said, all that is missing is named.
tell_missing:
        movl    $required_features, %ebp
3:      movl    %ebp, %esi
        call    has_feature
        jc      4f
        movl    FEATURE_NAME(%ebp), %esi
        jmp     refuse
4:      addl    $FEATURE_SIZE, %ebp
        cmpl    $required_features_end, %ebp
        jb      3b
        movl    $refusal_end, %esi
        call    early_write
        jmp     early_end

# esi = a name, ebp = its place in the table, or 0 where that is the whole list.
refuse:
        pushl   %esi
        movl    $comma, %esi
        testb   $1, has_begun
        jnz     5f
        movb    $1, has_begun
        call    early_begin
        movl    $refusal, %esi
5:      call    early_write
        popl    %esi
        call    early_write
        testl   %ebp, %ebp
        jnz     4b
        movl    $refusal_end, %esi
        call    early_write
        jmp     early_end

# esi = an entry of the table: carry is set if the processor has it. Changes eax, ebx, ecx, edx.
has_feature:
        movl    FEATURE_LEAF(%esi), %eax
        andl    $0x80000000, %eax
        cpuid
        cmpl    FEATURE_LEAF(%esi), %eax        # the highest number that there is
        jae     6f
        clc
        ret
6:      movl    FEATURE_LEAF(%esi), %eax
        cpuid
        testb   $1, FEATURE_IS_IN_ECX(%esi)
        jz      7f
        movl    %ecx, %edx
7:      movzbl  FEATURE_BIT(%esi), %eax
        btl     %eax, %edx
        ret

#include "EarlyReport.inc"

        .code64
start64:
        movw    $DATA_SELECTOR, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        xorl    %eax, %eax
        movw    %ax, %fs
        movw    %ax, %gs
        movl    %edi, %edi                      # door
        movl    %ebx, %esi                      # physical address of what the loader hands over
        leaq    boot_stack_top(%rip), %rsp
        xorl    %ebp, %ebp

        # Traps before LibOS has its own table: they can only be faults, and are reported.
        leaq    boot_interrupt_table(%rip), %rdx
        leaq    boot_trap_stubs(%rip), %rax
        movl    $BOOT_TRAPS, %ecx
9:      movw    %ax, (%rdx)
        movw    $CODE_SELECTOR, 2(%rdx)
        movw    $0x8E00, 4(%rdx)                # interrupt gate
        movq    %rax, %r8
        shrq    $16, %r8
        movw    %r8w, 6(%rdx)
        addq    $16, %rdx
        addq    $16, %rax
        loop    9b
        lidt    boot_interrupt_descriptor(%rip)

        fninit
        ldmxcsr initial_mxcsr(%rip)
        call    libos_main
8:      cli
        hlt
        jmp     8b

        .section .rodata
refusal:
        .asciz  "VirtioGuest cannot run on this processor, which lacks: "
comma:
        .asciz  ", "
refusal_end:
        .asciz  ".\nVIRTIOGUEST: FAILED\n"
cpuid_name:
        .asciz  "CPUID"

        .align  4
initial_mxcsr:
        .long   0x1F80
boot_interrupt_descriptor:
        .short  BOOT_TRAPS * 16 - 1
        .quad   boot_interrupt_table

        .section .data.segments, "aw"
        .align  16
        .globl  gdt
gdt:    .quad   0
        .quad   0x00AF9A000000FFFF              # CODE_SELECTOR: 64-bit code
        .quad   0x00CF92000000FFFF              # DATA_SELECTOR
        .globl  gdt_task
gdt_task:
        .quad   0, 0                            # TASK_SELECTOR, filled in by SegmentTables
gdt_descriptor:
        .short  gdt_descriptor - gdt - 1
        .quad   gdt

        .data
has_begun:
        .byte   0

        .bss
        .align  16
boot_interrupt_table:
        .skip   BOOT_TRAPS * 16
        .align  4096
boot_root:
        .skip   4096
boot_directory_pointers:
        .skip   4096
boot_directories:
        .skip   4 * 4096
boot_stack:
        .skip   16384
boot_stack_top:
