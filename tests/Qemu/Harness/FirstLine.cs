namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>The first line of the kernel's managed code.</summary>
public static class FirstLine
{
    /// <summary>Its form; the group <c>door</c> is the boot protocol.</summary>
    public const string Pattern =
        @"VirtioGuest (?<version>\d+\.\d+\.\d+) on \.NET (?<runtime>\d+\.\d+\.\d+), started by (?<door>\w+)$";

    /// <summary>The boot protocol's name that a door has in it.</summary>
    public static string Protocol(Door door)
    {
        return door switch
        {
            Door.Elf => "pvh",
            Door.BzImage => "linux",
            _ => "multiboot2",
        };
    }
}
