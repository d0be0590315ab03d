namespace VirtioGuest.Build.Image;

/// <summary>The symbols that the boot protocols enter the kernel at.</summary>
internal static class KernelDoors
{
    public const string Multiboot2 = "libos_entry_multiboot2";
    public const string Pvh = "libos_entry_pvh";
    public const string Linux = "libos_entry_linux";
}
