# Ways into LibOS and out of it: system calls, traps, interrupts. Everything runs in ring 0; what tells program and
# LibOS apart is the depth in the per-CPU structure.

#include "Layout.h"

        .macro  PUSH_REGISTERS
        pushq   %rax
        pushq   %rbx
        pushq   %rcx
        pushq   %rdx
        pushq   %rsi
        pushq   %rdi
        pushq   %rbp
        pushq   %r8
        pushq   %r9
        pushq   %r10
        pushq   %r11
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        .endm

        .macro  POP_REGISTERS
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %r11
        popq    %r10
        popq    %r9
        popq    %r8
        popq    %rbp
        popq    %rdi
        popq    %rsi
        popq    %rdx
        popq    %rcx
        popq    %rbx
        popq    %rax
        .endm

        # The compiler uses XMM registers in LibOS too, so the interrupted code's are saved around every entry.
        # area: where to; clobbers rax, rdx.
        .macro  SAVE_EXTENDED area
        cmpl    $0, %gs:CPU_USE_XSAVE
        je      91f
        movl    $-1, %eax
        movl    $-1, %edx
        xsave64 (\area)
        jmp     92f
91:     fxsave64 (\area)
92:
        .endm

        .macro  RESTORE_EXTENDED area
        cmpl    $0, %gs:CPU_USE_XSAVE
        je      93f
        movl    $-1, %eax
        movl    $-1, %edx
        xrstor64 (\area)
        jmp     94f
93:     fxrstor64 (\area)
94:
        .endm

        .text

# SYSCALL executed in ring 0: rcx = return address, r11 = flags. SFMASK has turned interrupts off, so the one kernel
# stack is free. Leaves by IRETQ, as SYSRET would leave for ring 3.
        .globl  libos_syscall_entry
        .type   libos_syscall_entry, @function
        .align  16
libos_syscall_entry:
        movq    %rsp, %gs:CPU_PROGRAM_STACK
        movq    %gs:CPU_KERNEL_STACK, %rsp
        pushq   $DATA_SELECTOR
        pushq   %gs:CPU_PROGRAM_STACK
        pushq   %r11
        pushq   $CODE_SELECTOR
        pushq   %rcx
        pushq   $0                              # error code
        pushq   $VECTOR_SYSTEM_CALL
        PUSH_REGISTERS
        movq    %gs:CPU_THREAD_EXTENDED, %rbx
        SAVE_EXTENDED %rbx
        incl    %gs:CPU_KERNEL_DEPTH
        movq    %rsp, %rdi
        xorl    %ebp, %ebp
        call    libos_system_call
        decl    %gs:CPU_KERNEL_DEPTH
        movq    %gs:CPU_THREAD_EXTENDED, %rbx   # may be another thread's by now
        RESTORE_EXTENDED %rbx

# rsp = a trap frame: continue what it describes.
leave:
        POP_REGISTERS
        addq    $16, %rsp                       # vector, error code
        iretq

# Starts the first thread: rdi = its trap frame.
        .globl  processor_resume
        .type   processor_resume, @function
processor_resume:
        movq    %rdi, %rsp
        movl    $0, %gs:CPU_KERNEL_DEPTH
        movq    %gs:CPU_THREAD_EXTENDED, %rbx
        RESTORE_EXTENDED %rbx
        jmp     leave

        .align  16
        .type   trap_common, @function
trap_common:
        PUSH_REGISTERS
        cld
        movq    %gs:CPU_THREAD_EXTENDED, %rbx
        cmpl    $0, %gs:CPU_KERNEL_DEPTH
        cmovneq %gs:CPU_NESTED_EXTENDED, %rbx
        SAVE_EXTENDED %rbx
        incl    %gs:CPU_KERNEL_DEPTH
        movq    %rsp, %rdi
        xorl    %ebp, %ebp
        call    libos_trap
        decl    %gs:CPU_KERNEL_DEPTH
        movq    %gs:CPU_THREAD_EXTENDED, %rbx
        cmpl    $0, %gs:CPU_KERNEL_DEPTH
        cmovneq %gs:CPU_NESTED_EXTENDED, %rbx
        RESTORE_EXTENDED %rbx
        jmp     leave

# One stub per vector, 16 bytes each, all making the same frame: 8, 10 to 14, 17 and 21 push an error code themselves.
        .altmacro
        .macro  TRAP_STUB vector, target
        .align  16
        .if     !((\vector == 8) || ((\vector >= 10) && (\vector <= 14)) || (\vector == 17) || (\vector == 21))
        pushq   $0
        .endif
        pushq   $\vector
        jmp     \target
        .endm

        .globl  trap_stubs
        .align  16
trap_stubs:
        .set    vector_number, 0
        .rept   256
        TRAP_STUB %vector_number, trap_common
        .set    vector_number, vector_number + 1
        .endr

# The same for the processor's own vectors while LibOS starts, on whatever stack there is: a report, and the end. A
# fault in the report has no words any more.
        .globl  boot_trap_stubs
        .align  16
boot_trap_stubs:
        .set    vector_number, 0
        .rept   BOOT_TRAPS
        TRAP_STUB %vector_number, boot_trap
        .set    vector_number, vector_number + 1
        .endr

        .align  16
        .type   boot_trap, @function
boot_trap:
        PUSH_REGISTERS
        cld
        movq    %rsp, %rdi
        xorl    %ebp, %ebp
        andq    $-16, %rsp
        incl    boot_trap_depth(%rip)
        cmpl    $1, boot_trap_depth(%rip)
        jne     1f
        call    libos_boot_trap
1:      movw    $0xF4, %dx
        movb    $0x11, %al
        outb    %al, %dx
2:      cli
        hlt
        jmp     2b

        .local  boot_trap_depth
        .comm   boot_trap_depth, 4, 4

# What the idle thread runs: as program code, so that an interrupt finds it like any other thread.
        .globl  idle_loop
        .type   idle_loop, @function
idle_loop:
        sti
        hlt
        jmp     idle_loop

# The same where no timer interrupts: the idle thread looks at the clock itself, through the timer's vector.
        .globl  idle_poll_loop
        .type   idle_poll_loop, @function
idle_poll_loop:
        sti
        pause
        int     $VECTOR_TIMER
        jmp     idle_poll_loop
