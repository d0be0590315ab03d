using System.IO;

namespace VirtioGuest.Build.Image;

/// <summary>Makes the CD image that boots on BIOS and UEFI.</summary>
internal static class BootIso
{
    /// <summary>GRUB's modules for the boot menu (iso/grub.cfg); what they need comes along.</summary>
    private static readonly string[] s_modules =
        ["normal", "iso9660", "multiboot2", "boot", "serial", "terminal", "all_video", "echo", "reboot", "halt"];

    /// <summary>Builds the image.</summary>
    /// <param name="kernel">The stripped kernel.</param>
    /// <param name="menu">GRUB's configuration.</param>
    /// <param name="staging">A folder to collect the contents in; emptied first.</param>
    /// <param name="target">The image.</param>
    public static void Build(string kernel, string menu, string staging, string target)
    {
        if (Directory.Exists(staging))
        {
            Directory.Delete(staging, recursive: true);
        }

        string grub = Path.Combine(staging, "boot", "grub");
        Directory.CreateDirectory(grub);
        File.Copy(kernel, Path.Combine(staging, "boot", "VirtioGuest.elf"));
        File.Copy(menu, Path.Combine(grub, "grub.cfg"));
        ExternalProgram.Run(
            "grub-mkrescue",
            [
                "-o", target, "--compress=no", $"--install-modules={string.Join(' ', s_modules)}",
                "--fonts=", "--locales=", "--themes=", staging,
            ]);
    }
}
