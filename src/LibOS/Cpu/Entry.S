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

        # Long mode, or a line that says why not.
        movl    $0x80000000, %eax
        pushl   %ebx
        cpuid
        popl    %ebx
        cmpl    $0x80000001, %eax
        jb      no_long_mode
        movl    $0x80000001, %eax
        pushl   %ebx
        cpuid
        popl    %ebx
        btl     $29, %edx
        jnc     no_long_mode
        movl    %edx, %ebp                      # bit 20: no-execute pages

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

        movl    %cr4, %eax
        orl     $0x620, %eax                    # PAE, OSFXSR, OSXMMEXCPT
        movl    %eax, %cr4

        movl    $0xC0000080, %ecx               # EFER
        rdmsr
        orl     $0x101, %eax                    # LME, SCE
        btl     $20, %ebp
        jnc     2f
        orl     $0x800, %eax                    # NXE
2:      wrmsr

        movl    %cr0, %eax
        andl    $~0x6000000C, %eax              # EM and TS off; CD and NW too, which are on after a reset
        orl     $0x80010022, %eax               # PG, WP, NE, MP
        movl    %eax, %cr0

        lgdt    gdt_descriptor
        ljmp    $CODE_SELECTOR, $start64

no_long_mode:
        movl    $no_long_mode_text, %esi
3:      movw    $0x3FD, %dx                     # bounded: a missing UART reads all ones, which says ready
        movl    $0x100000, %ecx
4:      inb     %dx, %al
        testb   $0x20, %al
        jnz     5f
        loop    4b
5:      movb    (%esi), %al
        testb   %al, %al
        jz      6f
        movw    $0x3F8, %dx
        outb    %al, %dx
        incl    %esi
        jmp     3b
6:      movw    $0xF4, %dx
        movb    $0x11, %al
        outb    %al, %dx
7:      hlt
        jmp     7b

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
        call    libos_main
8:      cli
        hlt
        jmp     8b

        .section .rodata
no_long_mode_text:
        .ascii  "VirtioGuest needs a 64-bit processor.\r\n"
        .asciz  "VIRTIOGUEST: FAILED\r\n"

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

        .bss
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
