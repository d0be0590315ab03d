# The names of the image's functions, which reports of LibOS look up (see Symbols.cs). The build tool makes symbols.bin.

        .section .rodata.libos_symbols, "a", @progbits
        .globl  libos_symbols
        .type   libos_symbols, @object
        .balign 4
libos_symbols:
        .incbin "symbols.bin"
        .size   libos_symbols, . - libos_symbols

        .section .note.GNU-stack, "", @progbits
