# The console font: 256 glyphs of 8x16 pixels in Latin-1 order, 16 bytes each, the leftmost pixel in the highest bit.
# The build tool makes font.bin from the font package of the distribution.

        .section .rodata.libos_font, "a", @progbits
        .globl  libos_font
        .type   libos_font, @object
        .balign 16
libos_font:
        .incbin "font.bin"
        .size   libos_font, . - libos_font

        .section .note.GNU-stack, "", @progbits
