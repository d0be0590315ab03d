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

        # Saves extended registers. area: where to; clobbers rax, rdx.
        .macro  SAVE_EXTENDED area
        cmpl    $SAVE_XSAVE, %gs:CPU_SAVE_KIND
        movl    $-1, %eax
        movl    $-1, %edx
        ja      90f
        je      91f
        fxsave64 (\area)
        jmp     92f
90:     xsaveopt64 (\area)
        jmp     92f
91:     xsave64 (\area)
92:
        .endm

        .macro  RESTORE_EXTENDED area
        cmpl    $SAVE_FXSAVE, %gs:CPU_SAVE_KIND
        je      93f
        movl    $-1, %eax
        movl    $-1, %edx
        xrstor64 (\area)
        jmp     94f
93:     fxrstor64 (\area)
94:
        .endm

        .text

# Where registers are while LibOS runs: those of the current thread are in its own trap frame, struct Thread's first
# field, and LibOS runs on stacks of its own. So to switch threads is to change pointers, and nothing is copied. The
# processor pushes an interrupt's part of the frame right there, because the task state segment names the frame's end as
# the stack for interrupts.
#
# Extended registers: the compiler uses XMM registers in LibOS too, so they are saved on the way in, and loaded on the
# way out. Not so where nobody expects them back. LibOS' own calls are C functions, which may change all of them but the
# x87 control word and MXCSR, and LibOS changes neither of these: the thread stays the "live" one, and only when another
# thread is to run, its registers are saved, whatever the others have become. The idle thread uses none at all. A thread
# that waits in such a call while no other is ready thus comes and goes without them.

# SYSCALL executed in ring 0: rcx = return address, r11 = flags. SFMASK has turned interrupts off, so the one kernel
# stack is free. Leaves by IRETQ, as SYSRET would leave for ring 3.
        .globl  libos_syscall_entry
        .type   libos_syscall_entry, @function
        .align  16
libos_syscall_entry:
        movq    %rsp, %gs:CPU_PROGRAM_STACK
        movq    %gs:CPU_FRAME_END, %rsp
        pushq   $DATA_SELECTOR
        pushq   %gs:CPU_PROGRAM_STACK
        pushq   %r11
        pushq   $CODE_SELECTOR
        pushq   %rcx
        pushq   $0                              # error code
        pushq   $VECTOR_SYSTEM_CALL
        PUSH_REGISTERS
        movq    %rsp, %rdi
        movq    %gs:CPU_KERNEL_STACK, %rsp
        movl    $1, %gs:CPU_KERNEL_DEPTH
        cmpq    $FIRST_OWN_CALL, %rax
        jae     1f
        movq    %gs:CPU_THREAD_EXTENDED, %rbx
        SAVE_EXTENDED %rbx
        movq    $0, %gs:CPU_LIVE_EXTENDED
1:      xorl    %ebp, %ebp
        call    libos_system_call

# Continues the current thread.
leave:
        cmpl    $0, %gs:CPU_IS_IDLE
        jne     4f
        movq    %gs:CPU_THREAD_EXTENDED, %rbx
        movq    %gs:CPU_LIVE_EXTENDED, %rcx
        cmpq    %rbx, %rcx
        je      3f
        testq   %rcx, %rcx
        jz      2f
        SAVE_EXTENDED %rcx
2:      RESTORE_EXTENDED %rbx
        movq    %rbx, %gs:CPU_LIVE_EXTENDED
3:      movl    $0, %gs:CPU_KERNEL_DEPTH
        movq    %gs:CPU_FRAME_END, %rsp
        subq    $FRAME_LENGTH, %rsp
        POP_REGISTERS
        addq    $16, %rsp                       # vector, error code
        iretq

# The idle thread has no registers to load.
4:      movl    $0, %gs:CPU_KERNEL_DEPTH
        movq    %gs:CPU_FRAME_END, %rsp
        subq    $(FRAME_LENGTH - FRAME_RETURN), %rsp
        iretq

# Starts the first thread.
        .globl  processor_resume
        .type   processor_resume, @function
processor_resume:
        movq    $0, %gs:CPU_LIVE_EXTENDED
        jmp     leave

# rdi = an area: saves the extended registers there.
        .globl  processor_save_extended
        .type   processor_save_extended, @function
processor_save_extended:
        SAVE_EXTENDED %rdi
        ret

# An interrupt: rsp is in the current thread's frame. Interrupts are off in LibOS; if a vector of theirs came up there
# all the same, LibOS reports it, and for that its own stack must not be touched.
        .align  16
        .type   interrupt_common, @function
interrupt_common:
        cmpl    $0, %gs:CPU_IS_IDLE
        jne     5f
        PUSH_REGISTERS
        cld
        movq    %gs:CPU_THREAD_EXTENDED, %rbx
        SAVE_EXTENDED %rbx
        movq    $0, %gs:CPU_LIVE_EXTENDED
        movq    %rsp, %rdi
        jmp     6f
5:      leaq    -FRAME_REGISTERS(%rsp), %rdi
6:      movq    %gs:CPU_INTERRUPT_STACK, %rsp
        incl    %gs:CPU_KERNEL_DEPTH
        xorl    %ebp, %ebp
        call    libos_trap
        jmp     leave

# A fault, on a stack of its own, because it may come out of LibOS too. Only the program's goes into its thread's frame.
        .align  16
        .type   fault_common, @function
fault_common:
        PUSH_REGISTERS
        cld
        cmpl    $0, %gs:CPU_KERNEL_DEPTH
        jne     7f
        movq    %gs:CPU_THREAD_EXTENDED, %rbx
        SAVE_EXTENDED %rbx
        movq    $0, %gs:CPU_LIVE_EXTENDED
        movq    %gs:CPU_FRAME_END, %rdi
        subq    $FRAME_LENGTH, %rdi
        movq    %rdi, %rbx
        movq    %rsp, %rsi
        movl    $(FRAME_LENGTH / 8), %ecx
        rep movsq
        movq    %rbx, %rdi
        movl    $1, %gs:CPU_KERNEL_DEPTH
        xorl    %ebp, %ebp
        call    libos_trap
        jmp     leave

7:      movq    %gs:CPU_NESTED_EXTENDED, %rbx
        SAVE_EXTENDED %rbx
        incl    %gs:CPU_KERNEL_DEPTH
        movq    %rsp, %rdi
        xorl    %ebp, %ebp
        call    libos_trap
        decl    %gs:CPU_KERNEL_DEPTH
        movq    %gs:CPU_NESTED_EXTENDED, %rbx
        RESTORE_EXTENDED %rbx
        POP_REGISTERS
        addq    $16, %rsp
        iretq

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
        .if     vector_number < BOOT_TRAPS
        TRAP_STUB %vector_number, fault_common
        .else
        TRAP_STUB %vector_number, interrupt_common
        .endif
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

# What the idle thread runs, as program code. It holds nothing in registers: an interrupt saves none of them.
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
