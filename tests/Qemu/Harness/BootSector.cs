using System;
using System.IO;
using System.Text;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>
/// A boot sector of a few instructions that plays a guest, so that the harness can be tested without a kernel: it
/// prints a text on the first serial port, and then halts, ends QEMU, or sends back what it receives.
/// </summary>
public static class BootSector
{
    private const int CodeAddress = 0x7C00;

    // mov si, <text>; cld; next: lodsb; test al, al; jz done; mov dx, 0x3F8; out dx, al; jmp next; done:
    private static readonly byte[] s_print =
    [
        0x31, 0xC0, 0x8E, 0xD8, // xor ax, ax; mov ds, ax
        0xBE, 0x00, 0x00, // mov si, text (filled in)
        0xFC, 0xAC, 0x84, 0xC0, // cld; next: lodsb; test al, al
        0x74, 0x06, // jz done
        0xBA, 0xF8, 0x03, // mov dx, 0x3F8
        0xEE, 0xEB, 0xF5, // out dx, al; jmp next; done:
    ];

    // cli; hlt
    private static readonly byte[] s_halt = [0xFA, 0xF4];

    // wait: mov dx, 0x3FD; in al, dx; test al, 1; jz wait; mov dx, 0x3F8; in al, dx; out dx, al; jmp wait
    private static readonly byte[] s_echo =
    [
        0xBA, 0xFD, 0x03, 0xEC, 0xA8, 0x01, 0x74, 0xF8, 0xBA, 0xF8, 0x03, 0xEC, 0xEE, 0xEB, 0xF1,
    ];

    /// <summary>Prints and halts for ever.</summary>
    public static GuestOptions Halt(string folder, string text)
    {
        return Boot(folder, text, s_halt);
    }

    /// <summary>Prints, then sends back every byte that it receives.</summary>
    public static GuestOptions Echo(string folder, string text)
    {
        return Boot(folder, text, s_echo);
    }

    /// <summary>Prints, then writes a value to the debug exit device.</summary>
    public static GuestOptions Exit(string folder, string text, byte value)
    {
        // mov al, value; out 0xF4, al
        return Boot(folder, text, [0xB0, value, 0xE6, 0xF4, .. s_halt]);
    }

    /// <summary>Prints, then resets the machine through port 0xCF9.</summary>
    public static GuestOptions Reset(string folder, string text)
    {
        // mov al, 6; mov dx, 0xCF9; out dx, al
        return Boot(folder, text, [0xB0, 0x06, 0xBA, 0xF9, 0x0C, 0xEE, .. s_halt]);
    }

    private static GuestOptions Boot(string folder, string text, byte[] ending)
    {
        byte[] sector = new byte[512];
        int textOffset = s_print.Length + ending.Length;
        s_print.CopyTo(sector, 0);
        ending.CopyTo(sector, s_print.Length);
        BitConverter.TryWriteBytes(sector.AsSpan(5), (ushort)(CodeAddress + textOffset));
        Encoding.ASCII.GetBytes(text).CopyTo(sector, textOffset);
        sector[510] = 0x55;
        sector[511] = 0xAA;

        string path = Path.Combine(folder, "boot.img");
        File.WriteAllBytes(path, sector);
        return new GuestOptions { Door = Door.None, MemoryMegabytes = 32 }
            .WithArguments("-drive", $"if=ide,format=raw,file={path}");
    }
}
