# The calls that LibOS offers to the program beyond the Linux system calls, as ordinary C functions: each loads its
# number and traps. The numbers are those of SystemCalls/CallNumbers.cs.

        .macro  CALL name, number
        .globl  \name
        .type   \name, @function
        .align  16
\name:
        movl    $\number, %eax
        movq    %rcx, %r10                      # SYSCALL takes rcx for itself
        syscall
        ret
        .endm

        .text
        CALL    libos_boot_info,         0x1000
        CALL    libos_command_line,      0x1001
        CALL    libos_memory_info,       0x1002
        CALL    libos_memory_range,      0x1003
        CALL    libos_thread_info,       0x1004
        CALL    libos_interrupt_info,    0x1005
        CALL    libos_thread_name,       0x1006
        CALL    libos_message_allocate,  0x1007
        CALL    libos_line_attach,       0x1008
        CALL    libos_interrupt_wait,    0x1009
        CALL    libos_interrupt_release, 0x100A
        CALL    libos_dma_allocate,      0x100B
        CALL    libos_dma_free,          0x100C
        CALL    libos_dma_quarantine,    0x100D
        CALL    libos_mmio_map,          0x100E
        CALL    libos_populate,          0x100F
        CALL    libos_console_read,      0x1010
        CALL    libos_power_off,         0x1011
        CALL    libos_reset,             0x1012
        CALL    libos_debug_exit,        0x1013
        CALL    libos_crash,             0x1014
        CALL    libos_configuration_window, 0x1015
        CALL    libos_acpi_table,        0x1020
        CALL    libos_entropy_add,       0x1022
        CALL    libos_wait,              0x1023
        CALL    libos_wake,              0x1024
        CALL    libos_interrupt_hand_over, 0x1025
