# The real-mode part of the bzImage: the setup header of the Linux/x86 boot protocol (2.12), and the 16-bit code that
# asks the BIOS for the memory map and the screen, opens address line 20 and enters the 32-bit part.
#
# A loader that starts the 32-bit part itself copies the first 4 KB of this file as the boot parameters, so everything
# before the header is zero: a byte there would be taken for a screen or an ACPI table.
#
# The build tool defines what MemoryCheck.inc needs.
#
# Offsets are those of "struct boot_params" and of the setup header in the Linux/x86 boot protocol.

#define BP_SCREEN_COLUMN        0x00
#define BP_SCREEN_ROW           0x01
#define BP_VIDEO_MODE           0x06
#define BP_VIDEO_COLUMNS        0x07
#define BP_VIDEO_LINES          0x0e
#define BP_VIDEO_IS_VGA         0x0f
#define BP_E820_COUNT           0x1e8
#define BP_SETUP_HEADER         0x1f1
#define BP_E820_TABLE           0x2d0
#define BP_SIZE                 0x1000

#define E820_ENTRY_SIZE         20
#define E820_MAXIMUM            128
#define SMAP                    0x534d4150

#define CODE_SELECTOR           0x10
#define DATA_SELECTOR           0x18

        .code16
        .text
        .globl  _start
_start:
        .org    BP_SETUP_HEADER
header:
setup_sects:            .byte   0               # filled in by the build tool
root_flags:             .word   0
syssize:                .long   0               # filled in by the build tool
ram_size:               .word   0
vid_mode:               .word   0xffff
root_dev:               .word   0
boot_flag:              .word   0xaa55
jump:                   .byte   0xeb, header_end - 1f
1:
signature:              .ascii  "HdrS"
version:                .word   0x020c
realmode_swtch:         .long   0
start_sys_seg:          .word   0x1000
kernel_version:         .word   version_text - 0x200
type_of_loader:         .byte   0
loadflags:              .byte   0x01            # LOADED_HIGH: the rest belongs at 1 MB
setup_move_size:        .word   0
code32_start:           .long   0x100000
ramdisk_image:          .long   0
ramdisk_size:           .long   0
bootsect_kludge:        .long   0
heap_end_ptr:           .word   0
ext_loader_ver:         .byte   0
ext_loader_type:        .byte   0
cmd_line_ptr:           .long   0
initrd_addr_max:        .long   0x7fffffff
kernel_alignment:       .long   0x1000
relocatable_kernel:     .byte   0
min_alignment:          .byte   12
xloadflags:             .word   0
cmdline_size:           .long   2047
hardware_subarch:       .long   0
hardware_subarch_data:  .quad   0
payload_offset:         .long   0
payload_length:         .long   0
setup_data:             .quad   0
pref_address:           .quad   0x100000
init_size:              .long   0               # filled in by the build tool
handover_offset:        .long   0
header_end:

        # Entered at CS = segment + 0x20, DS = segment. From here on CS = DS = ES = SS = segment, offsets count from
        # _start.
        cli
        cld
        pushw   %ds
        pushw   $in_own_segment
        lretw
in_own_segment:
        movw    %cs, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $stack_end, %esp
        sti

        # The boot parameters: zeros, then the header as the loader filled it in.
        movw    $boot_parameters, %di
        movw    $BP_SIZE / 4, %cx
        xorl    %eax, %eax
        rep stosl
        movw    $header, %si
        movw    $boot_parameters + BP_SETUP_HEADER, %di
        movw    $header_end - header, %cx
        rep movsb

        # The memory map (INT 15h, E820h); the entries have the layout of the table.
        xorl    %ebx, %ebx
        movw    $boot_parameters + BP_E820_TABLE, %di
next_range:
        movl    $0xe820, %eax
        movl    $SMAP, %edx
        movl    $E820_ENTRY_SIZE, %ecx
        int     $0x15
        jc      ranges_done
        cmpl    $SMAP, %eax
        jne     ranges_done
        addw    $E820_ENTRY_SIZE, %di
        incb    boot_parameters + BP_E820_COUNT
        cmpb    $E820_MAXIMUM, boot_parameters + BP_E820_COUNT
        je      ranges_done
        testl   %ebx, %ebx
        jnz     next_range
ranges_done:

        # The screen: mode and width (INT 10h, 0Fh), cursor (INT 10h, 03h). Only colour text is handed on.
        movb    $0x0f, %ah
        int     $0x10
        cmpb    $3, %al
        jne     no_text_screen
        movb    %al, boot_parameters + BP_VIDEO_MODE
        movb    %ah, boot_parameters + BP_VIDEO_COLUMNS
        movb    $25, boot_parameters + BP_VIDEO_LINES
        movb    $1, boot_parameters + BP_VIDEO_IS_VGA
        movb    $0x03, %ah
        int     $0x10
        movb    %dl, boot_parameters + BP_SCREEN_COLUMN
        movb    %dh, boot_parameters + BP_SCREEN_ROW
no_text_screen:

        # Address line 20: by the BIOS, and where that did not help by port 92h. A machine on which both fail has none.
        call    line_20_is_open
        jne     line_20_done
        movw    $0x2401, %ax
        int     $0x15
        call    line_20_is_open
        jne     line_20_done
        inb     $0x92, %al
        orb     $0x02, %al
        andb    $0xfe, %al                      # bit 0 resets
        outb    %al, $0x92
line_20_done:

        # The 32-bit part: flat segments, esi = boot parameters, and on to where the loader put the protected-mode part.
        cli
        xorl    %eax, %eax
        movw    %ds, %ax
        shll    $4, %eax
        movl    %eax, %ebp
        leal    boot_parameters(%eax), %esi
        leal    descriptors(%eax), %ecx
        movl    %ecx, descriptor_table + 2
        leal    protected_mode(%eax), %ecx
        movl    %ecx, protected_mode_pointer
        movl    code32_start, %ebx
        lgdtl   descriptor_table
        movl    %cr0, %eax
        orb     $0x01, %al
        movl    %eax, %cr0
        ljmpl   *protected_mode_pointer

        # Returns "not equal" where the byte at FFFF:0510 is not the one at 0000:0500.
line_20_is_open:
        pushw   %ds
        pushw   %es
        xorw    %ax, %ax
        movw    %ax, %ds
        notw    %ax
        movw    %ax, %es
        movb    0x500, %al
        movb    %al, %cl
        incb    %cl
        movb    %cl, %es:0x510
        cmpb    %cl, 0x500
        movb    %al, 0x500
        popw    %es
        popw    %ds
        ret

        .code32
protected_mode:
        movl    $DATA_SELECTOR, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %fs
        movl    %eax, %gs
        movl    %eax, %ss
        leal    stack_end(%ebp), %esp

        # The 32-bit part looks too, for loaders that start there; but it may itself lie outside RAM.
        pushl   %esi
        movzbl  BP_E820_COUNT(%esi), %ecx
        addl    $BP_E820_TABLE, %esi
        movl    $E820_ENTRY_SIZE, %edx
        call    check_memory
        popl    %esi
        jmpl    *%ebx

#include "MemoryCheck.inc"

        .balign 8
descriptors:
        .quad   0
        .quad   0
        .quad   0x00cf9b000000ffff              # CODE_SELECTOR: 4 GB, execute and read
        .quad   0x00cf93000000ffff              # DATA_SELECTOR: 4 GB, read and write
descriptors_end:

descriptor_table:
        .word   descriptors_end - descriptors - 1
        .long   0                               # its physical address
protected_mode_pointer:
        .long   0
        .word   CODE_SELECTOR

version_text:
        .asciz  "VirtioGuest"

        # Behind the file's setup sectors, in memory only: a loader that obeys the protocol leaves 64 KB from _start on.
        .equ    boot_parameters, 0x2000
        .equ    stack_end, boot_parameters + BP_SIZE + 0x1000
