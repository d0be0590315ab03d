using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace VirtioGuest.Build.Image;

/// <summary>
/// Makes the image that boots on BIOS and UEFI, from a CD or a USB stick: GRUB, the boot menu and the kernel.
/// </summary>
/// <remarks>
/// GRUB is put together here rather than by grub-mkrescue, for a faster start. BIOS GRUB decompresses its core image in
/// a slow loop, so the core holds only what reads the CD, and the other modules are files beside it.
/// </remarks>
internal static class BootIso
{
    private const string GrubFolder = "/usr/lib/grub";
    private const string BiosPlatform = "i386-pc";
    private const string BiosFormat = "i386-pc-eltorito";
    private const string UefiFormat = "x86_64-efi";
    private const string Kernel = "boot/VirtioGuest.elf";
    private const string Menu = "boot/grub/grub.cfg";
    private const string BiosModuleFolder = "boot/grub/i386-pc";
    private const string BiosLoader = "boot/grub/bios.img";
    private const string UefiFileSystem = "boot/grub/uefi.img";

    /// <summary>What the FAT file system around the UEFI loader needs for itself, in KiB.</summary>
    private const int FileSystemOverhead = 128;

    /// <summary>What the boot menu uses.</summary>
    private static readonly string[] s_modules =
        ["normal", "iso9660", "multiboot2", "boot", "serial", "terminal", "echo", "test", "iorw", "reboot", "halt"];

    /// <summary>What BIOS GRUB reads the CD or disk with that it was started from.</summary>
    private static readonly string[] s_biosModules = ["biosdisk", "iso9660"];

    /// <summary>What UEFI GRUB finds the files with, and what gives the kernel a framebuffer.</summary>
    private static readonly string[] s_uefiModules =
        ["search", "search_fs_file", "part_gpt", "part_msdos", "fat", "efi_gop", "efi_uga"];

    /// <param name="kernel">The stripped kernel.</param>
    /// <param name="menu">GRUB's configuration.</param>
    /// <param name="staging">A folder to collect the contents in, which is emptied first.</param>
    /// <param name="target">The image.</param>
    public static void Build(string kernel, string menu, string staging, string target)
    {
        if (Directory.Exists(staging))
        {
            Directory.Delete(staging, recursive: true);
        }

        string contents = Path.Combine(staging, "contents");
        Directory.CreateDirectory(Path.Combine(contents, "boot", "grub"));
        File.Copy(kernel, Path.Combine(contents, Kernel));
        File.Copy(menu, Path.Combine(contents, Menu));
        MakeLoader(BiosFormat, s_biosModules, null, Path.Combine(contents, BiosLoader));
        CopyBiosModules(Path.Combine(contents, BiosModuleFolder));
        MakeUefiFileSystem(staging, Path.Combine(contents, UefiFileSystem));

        File.Delete(target);
        ExternalProgram.Run(
            "xorriso",
            [
                "-as", "mkisofs", "-quiet", "-volid", "VIRTIOGUEST", "-o", target,
                "-b", BiosLoader, "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info",
                "--grub2-mbr", Path.Combine(GrubFolder, BiosPlatform, "boot_hybrid.img"),
                "--efi-boot", UefiFileSystem, "-efi-boot-part", "--efi-boot-image", "--protective-msdos-label",
                contents,
            ]);
    }

    private static void MakeUefiFileSystem(string staging, string image)
    {
        string early = Path.Combine(staging, "early.cfg");
        File.WriteAllText(early, $"search --no-floppy --set=root --file /{Kernel}\nset prefix=($root)/boot/grub\n");
        string loader = Path.Combine(staging, "BOOTX64.EFI");
        MakeLoader(UefiFormat, [.. s_modules, .. s_uefiModules], early, loader);

        long kibibytes = (new FileInfo(loader).Length / 1024) + FileSystemOverhead;
        ExternalProgram.Run("mformat", ["-i", image, "-C", "-T", $"{kibibytes * 2}", "-h", "2", "-s", "32", "::"]);
        ExternalProgram.Run("mmd", ["-i", image, "::/EFI", "::/EFI/BOOT"]);
        ExternalProgram.Run("mcopy", ["-i", image, loader, "::/EFI/BOOT/BOOTX64.EFI"]);
    }

    /// <summary>Copies the menu's modules with all that they depend on, and GRUB's lists of what is where.</summary>
    private static void CopyBiosModules(string target)
    {
        string source = Path.Combine(GrubFolder, BiosPlatform);
        Dictionary<string, string[]> needs = File.ReadLines(Path.Combine(source, "moddep.lst"))
            .Select(line => line.Split(':'))
            .ToDictionary(parts => parts[0], parts => parts[1].Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Directory.CreateDirectory(target);
        var wanted = new Queue<string>(s_modules);
        HashSet<string> copied = [];
        while (wanted.TryDequeue(out string? module))
        {
            if (copied.Add(module))
            {
                File.Copy(Path.Combine(source, module + ".mod"), Path.Combine(target, module + ".mod"));
                needs.GetValueOrDefault(module, []).ToList().ForEach(wanted.Enqueue);
            }
        }

        foreach (string list in Directory.EnumerateFiles(source, "*.lst"))
        {
            File.Copy(list, Path.Combine(target, Path.GetFileName(list)));
        }
    }

    private static void MakeLoader(string format, string[] modules, string? early, string target) =>
        ExternalProgram.Run(
            "grub-mkimage",
            [
                "-O", format, "-o", target, "-p", "/boot/grub", .. early is null ? [] : new[] { "-c", early },
                .. modules,
            ]);
}
