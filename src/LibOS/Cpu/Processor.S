# Instructions for which C# has no word, as functions of the System V calling convention (see Processor.cs).

#include "Layout.h"

        .macro  FUNCTION name
        .globl  \name
        .type   \name, @function
        .align  16
\name:
        .endm

        .text

FUNCTION libos_in8
        movl    %edi, %edx
        xorl    %eax, %eax
        inb     %dx, %al
        ret

FUNCTION libos_in16
        movl    %edi, %edx
        xorl    %eax, %eax
        inw     %dx, %ax
        ret

FUNCTION libos_in32
        movl    %edi, %edx
        inl     %dx, %eax
        ret

FUNCTION libos_out8
        movl    %edi, %edx
        movl    %esi, %eax
        outb    %al, %dx
        ret

FUNCTION libos_out16
        movl    %edi, %edx
        movl    %esi, %eax
        outw    %ax, %dx
        ret

FUNCTION libos_out32
        movl    %edi, %edx
        movl    %esi, %eax
        outl    %eax, %dx
        ret

FUNCTION libos_timestamp
        rdtsc
        shlq    $32, %rdx
        orq     %rdx, %rax
        ret

FUNCTION processor_read_msr
        movl    %edi, %ecx
        rdmsr
        shlq    $32, %rdx
        orq     %rdx, %rax
        ret

FUNCTION processor_write_msr
        movl    %edi, %ecx
        movq    %rsi, %rax
        movq    %rsi, %rdx
        shrq    $32, %rdx
        wrmsr
        ret

FUNCTION processor_cpuid
        pushq   %rbx
        movq    %rdx, %r8
        movl    %edi, %eax
        movl    %esi, %ecx
        cpuid
        movl    %eax, (%r8)
        movl    %ebx, 4(%r8)
        movl    %ecx, 8(%r8)
        movl    %edx, 12(%r8)
        popq    %rbx
        ret

FUNCTION processor_rdrand
        xorl    %eax, %eax
        rdrand  %rdx
        jnc     1f
        movq    %rdx, (%rdi)
        incl    %eax
1:      ret

FUNCTION processor_per_cpu
        movq    %gs:0, %rax
        ret

FUNCTION processor_fault_address
        movq    %cr2, %rax
        ret

FUNCTION processor_invalidate_page
        invlpg  (%rdi)
        ret

FUNCTION processor_load_page_table
        movq    %rdi, %cr3
        ret

FUNCTION processor_load_idt
        lidt    (%rdi)
        ret

FUNCTION processor_load_task
        ltr     %di
        ret

FUNCTION processor_enable_xsave
        movq    %cr4, %rax
        orl     $0x40000, %eax                  # OSXSAVE
        movq    %rax, %cr4
        xorl    %ecx, %ecx
        movq    %rdi, %rax
        movq    %rdi, %rdx
        shrq    $32, %rdx
        xsetbv
        ret

FUNCTION processor_disable_xsave
        movq    %cr4, %rax
        andl    $~0x40000, %eax                 # the upper half of CR4 is zero
        movq    %rax, %cr4
        ret

FUNCTION processor_read_xcr0
        xorl    %ecx, %ecx
        xgetbv
        shlq    $32, %rdx
        orq     %rdx, %rax
        ret

FUNCTION processor_pause
        pause
        ret

FUNCTION processor_halt
        cli
        hlt
        jmp     processor_halt

FUNCTION processor_triple_fault
        pushq   $0
        pushq   $0
        lidt    (%rsp)
        int3
        jmp     processor_halt

FUNCTION processor_unknown_trap
        int     $0xF8
        ret

FUNCTION processor_fill
        movq    %rdi, %r8
        movzbl  %sil, %eax
        movabsq $0x0101010101010101, %rcx
        imulq   %rcx, %rax
        movq    %rdx, %rcx
        shrq    $3, %rcx
        rep stosq
        movl    %edx, %ecx
        andl    $7, %ecx
        rep stosb
        movq    %r8, %rax
        ret

# Copies go by words, and what is left by bytes: some processors, and all emulators, take a turn for each.
FUNCTION processor_copy
        movq    %rdx, %rcx
        shrq    $3, %rcx
        rep movsq
        movl    %edx, %ecx
        andl    $7, %ecx
        rep movsb
        ret

FUNCTION processor_move
        movq    %rdi, %rax
        movq    %rdi, %r8
        subq    %rsi, %r8
        cmpq    %rdx, %r8
        jae     processor_copy
        leaq    -1(%rdi,%rdx), %rdi             # the destination starts inside the source: copy downwards
        leaq    -1(%rsi,%rdx), %rsi
        std
        movl    %edx, %ecx
        andl    $7, %ecx
        rep movsb
        subq    $7, %rdi
        subq    $7, %rsi
        movq    %rdx, %rcx
        shrq    $3, %rcx
        rep movsq
        cld
        ret

# Addresses that C# asks for; the order is that of struct ImageLayout.
FUNCTION processor_image_layout
        leaq    image_layout(%rip), %rax
        ret

        .section .rodata
        .align  8
image_layout:
        .quad   __ehdr_start
        .quad   _end
        .quad   gdt_task
        .quad   trap_stubs
        .quad   libos_syscall_entry
        .quad   idle_loop
        .quad   _start
        .quad   libos_font
        .quad   libos_symbols
        .quad   idle_poll_loop
        .quad   required_features
        .quad   required_features_end
