# libos_hold_registers: fills the registers with patterns, keeps them there for a while, and tells which have changed.
# What a thread's registers go through while others run cannot be seen from C#, which chooses its registers itself.
#
#   rdi  the pattern: see struct RegisterPattern of the kernel program
#   rsi  how many turns to stay in the loop, at least 1
#   rdx  what each turn does besides: HOLD_YIELD, HOLD_TOUCH
#   rcx  with HOLD_TOUCH: a page for each turn, written to in its turn
#   rax  0, or a bit for each register that has changed: 0 to 15 vector registers, 16 to 23 x87 registers, 24 the x87
#        control word, 25 MXCSR, 26 the red zone, from 32 on the general registers in the order of the pattern

#define HOLD_YIELD              1
#define HOLD_TOUCH              2
#define CALL_YIELD              24              /* sched_yield */

#define PATTERN_X87             512
#define PATTERN_CONTROL         640
#define PATTERN_MXCSR           644
#define PATTERN_GENERAL         648

#define TURNS                   0(%rsp)
#define PATTERN                 8(%rsp)
#define EXTRA                   16(%rsp)
#define PAGE                    24(%rsp)
#define HAS_AVX                 32(%rsp)
#define OWN_MXCSR               40(%rsp)
#define OWN_CONTROL             44(%rsp)
#define SEEN_X87                48
#define SEEN_VECTORS            64
#define SEEN_GENERAL            576
#define FRAME                   696

        # Sets a bit of the result (r15) unless eight bytes are those of the pattern.
        .macro  SAME seen, wanted, bit
        movq    \seen, %rax
        cmpq    \wanted, %rax
        je      8f
        btsq    $\bit, %r15
8:
        .endm

        .text
        .globl  libos_hold_registers
        .type   libos_hold_registers, @function
        .align  16
libos_hold_registers:
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        subq    $FRAME, %rsp
        movq    %rsi, TURNS
        movq    %rdi, PATTERN
        movq    %rdx, EXTRA
        movq    %rcx, PAGE
        stmxcsr OWN_MXCSR
        fnstcw  OWN_CONTROL

        # AVX as any program finds it: AVX and OSXSAVE, and XCR0 holds SSE and AVX.
        movq    $0, HAS_AVX
        movl    $1, %eax
        xorl    %ecx, %ecx
        cpuid
        andl    $0x18000000, %ecx
        cmpl    $0x18000000, %ecx
        jne     1f
        xorl    %ecx, %ecx
        xgetbv
        andl    $6, %eax
        cmpl    $6, %eax
        jne     1f
        movq    $1, HAS_AVX
1:
        movq    PATTERN, %rdi
        fninit
        .irp    i, 7, 6, 5, 4, 3, 2, 1, 0
        fldt    (PATTERN_X87 + 16 * \i)(%rdi)
        .endr
        fldcw   PATTERN_CONTROL(%rdi)
        ldmxcsr PATTERN_MXCSR(%rdi)
        cmpq    $0, HAS_AVX
        je      2f
        .irp    i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        vmovdqu (32 * \i)(%rdi), %ymm\i
        .endr
        jmp     3f
2:
        .irp    i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        movdqu  (32 * \i)(%rdi), %xmm\i
        .endr
3:
        .irp    i, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
        movq    (8 * \i)(%rdi), %rax
        movq    %rax, (-8 * \i)(%rsp)
        .endr
        movq    (PATTERN_GENERAL + 0)(%rdi), %rax
        movq    (PATTERN_GENERAL + 8)(%rdi), %rbx
        movq    (PATTERN_GENERAL + 16)(%rdi), %rcx
        movq    (PATTERN_GENERAL + 24)(%rdi), %rdx
        movq    (PATTERN_GENERAL + 32)(%rdi), %rsi
        movq    (PATTERN_GENERAL + 48)(%rdi), %rbp
        movq    (PATTERN_GENERAL + 56)(%rdi), %r8
        movq    (PATTERN_GENERAL + 64)(%rdi), %r9
        movq    (PATTERN_GENERAL + 72)(%rdi), %r10
        movq    (PATTERN_GENERAL + 80)(%rdi), %r11
        movq    (PATTERN_GENERAL + 88)(%rdi), %r12
        movq    (PATTERN_GENERAL + 96)(%rdi), %r13
        movq    (PATTERN_GENERAL + 104)(%rdi), %r14
        movq    (PATTERN_GENERAL + 112)(%rdi), %r15
        movq    (PATTERN_GENERAL + 40)(%rdi), %rdi

        # From here on every register but the stack pointer holds a pattern.
turn:
        testl   $HOLD_YIELD, EXTRA
        jz      4f
        movl    $CALL_YIELD, %eax
        syscall
4:      testl   $HOLD_TOUCH, EXTRA
        jz      5f
        movq    PAGE, %rax
        incb    (%rax)
        addq    $4096, PAGE
5:      decq    TURNS
        jnz     turn

        movq    %rax, (SEEN_GENERAL + 0)(%rsp)
        movq    %rbx, (SEEN_GENERAL + 8)(%rsp)
        movq    %rcx, (SEEN_GENERAL + 16)(%rsp)
        movq    %rdx, (SEEN_GENERAL + 24)(%rsp)
        movq    %rsi, (SEEN_GENERAL + 32)(%rsp)
        movq    %rdi, (SEEN_GENERAL + 40)(%rsp)
        movq    %rbp, (SEEN_GENERAL + 48)(%rsp)
        movq    %r8, (SEEN_GENERAL + 56)(%rsp)
        movq    %r9, (SEEN_GENERAL + 64)(%rsp)
        movq    %r10, (SEEN_GENERAL + 72)(%rsp)
        movq    %r11, (SEEN_GENERAL + 80)(%rsp)
        movq    %r12, (SEEN_GENERAL + 88)(%rsp)
        movq    %r13, (SEEN_GENERAL + 96)(%rsp)
        movq    %r14, (SEEN_GENERAL + 104)(%rsp)
        movq    %r15, (SEEN_GENERAL + 112)(%rsp)
        movq    PATTERN, %rdi
        xorl    %r15d, %r15d
        .irp    i, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
        SAME    (-8 * \i)(%rsp), (8 * \i)(%rdi), 26
        .endr
        .irp    i, 1, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14
        SAME    (SEEN_GENERAL + 8 * \i)(%rsp), (PATTERN_GENERAL + 8 * \i)(%rdi), (32 + \i)
        .endr

        # A system call takes rax, rcx and r11, the page's address rax.
        cmpq    $0, EXTRA
        jne     6f
        .irp    i, 0, 2, 10
        SAME    (SEEN_GENERAL + 8 * \i)(%rsp), (PATTERN_GENERAL + 8 * \i)(%rdi), (32 + \i)
        .endr
6:
        cmpq    $0, HAS_AVX
        je      7f
        .irp    i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        vmovdqu %ymm\i, (SEEN_VECTORS + 32 * \i)(%rsp)
        .endr
        vzeroupper
        .irp    i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        SAME    (SEEN_VECTORS + 32 * \i + 16)(%rsp), (32 * \i + 16)(%rdi), \i
        SAME    (SEEN_VECTORS + 32 * \i + 24)(%rsp), (32 * \i + 24)(%rdi), \i
        .endr
        jmp     9f
7:
        .irp    i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        movdqu  %xmm\i, (SEEN_VECTORS + 32 * \i)(%rsp)
        .endr
9:
        .irp    i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        SAME    (SEEN_VECTORS + 32 * \i)(%rsp), (32 * \i)(%rdi), \i
        SAME    (SEEN_VECTORS + 32 * \i + 8)(%rsp), (32 * \i + 8)(%rdi), \i
        .endr

        stmxcsr SEEN_X87(%rsp)
        movl    SEEN_X87(%rsp), %eax
        cmpl    PATTERN_MXCSR(%rdi), %eax
        je      10f
        btsq    $25, %r15
10:     fnstcw  SEEN_X87(%rsp)
        movw    SEEN_X87(%rsp), %ax
        cmpw    PATTERN_CONTROL(%rdi), %ax
        je      11f
        btsq    $24, %r15
11:
        .irp    i, 0, 1, 2, 3, 4, 5, 6, 7
        fstpt   SEEN_X87(%rsp)
        SAME    SEEN_X87(%rsp), (PATTERN_X87 + 16 * \i)(%rdi), (16 + \i)
        movw    (SEEN_X87 + 8)(%rsp), %ax
        cmpw    (PATTERN_X87 + 16 * \i + 8)(%rdi), %ax
        je      12f
        btsq    $(16 + \i), %r15
12:
        .endr

        movq    %r15, %rax
        fninit
        fldcw   OWN_CONTROL
        ldmxcsr OWN_MXCSR
        addq    $FRAME, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        ret
