using System.IO;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>Changes the boot menu of a copy of the ISO, as someone does who wants a kernel command line.</summary>
public static partial class GrubMenu
{
    private const string MenuPath = "/boot/grub/grub.cfg";

    /// <summary>Adds words to each <c>multiboot2</c> command; returns the new ISO, boot sectors and all.</summary>
    public static string AddCommandLine(string iso, string folder, string words)
    {
        string menu = Path.Combine(folder, "grub.cfg");
        string changed = Path.Combine(folder, "changed.iso");
        Tool.Run("xorriso", "xorriso", "-osirrox", "on", "-indev", iso, "-extract", MenuPath, menu);

        string text = File.ReadAllText(menu);
        if (!KernelCommand().IsMatch(text))
        {
            Assert.Fail($"{MenuPath} on {iso} has no multiboot2 command:\n{text}");
        }

        // Removed first: the extracted file has the modes of the ISO, which may be read-only.
        File.Delete(menu);
        File.WriteAllText(menu, KernelCommand().Replace(text, command => $"{command.Value.TrimEnd()} {words}"));
        File.Copy(iso, changed);

        // A session added to the copy: what the boot sectors point to stays where it is.
        Tool.Run("xorriso", "xorriso", "-dev", changed, "-boot_image", "any", "keep", "-update", menu, MenuPath);
        return changed;
    }

    [GeneratedRegex(@"\bmultiboot2[ \t]+[^;{}\n]+")]
    private static partial Regex KernelCommand();
}
