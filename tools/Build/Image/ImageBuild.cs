using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace VirtioGuest.Build.Image;

/// <summary>
/// Builds the three files that a guest is started from, when anything that they are made of has changed.
/// </summary>
internal static class ImageBuild
{
    private static readonly string[] s_inputFolders = ["src", "iso"];
    private static readonly string[] s_inputFiles =
        ["Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props", "global.json"];

    /// <summary>Builds; returns at once when nothing has changed since the last time.</summary>
    public static void Run(Workspace workspace)
    {
        Directory.CreateDirectory(workspace.Intermediate());
        using IDisposable turn = BuildTurn.Take(workspace.Intermediate("lock"));
        InputStamp stamp = InputStamp.Of(
            workspace.Intermediate("inputs.stamp"),
            [
                .. s_inputFolders.Select(name => Path.Combine(workspace.Root, name)),
                .. s_inputFiles.Select(name => Path.Combine(workspace.Root, name)),
                typeof(ImageBuild).Assembly.Location,
            ]);
        string[] images = [workspace.Iso, workspace.Elf, workspace.BzImage];
        if (stamp.IsCurrent && images.All(File.Exists))
        {
            return;
        }

        stamp.Forget();
        Progress progress = new();
        KernelObjects objects = progress.Step("compile the kernel and LibOS", () => KernelObjects.Compile(workspace));
        ElfFile kernel = progress.Step("link the kernel", () => Link(workspace, objects));
        string stripped = workspace.Intermediate("VirtioGuest.stripped.elf");
        Assembler assembler = new(workspace.LibOS, workspace.Intermediate());
        progress.Step("make the bzImage and the PVH gate", () =>
        {
            ExternalProgram.Run("objcopy", ["--strip-all", workspace.Elf, stripped]);
            BzImage.Build(assembler, kernel, stripped, workspace.BzImage);
            PvhGate.Add(assembler, kernel, workspace.Elf);
        });
        string menu = Path.Combine(workspace.Root, "iso", "grub.cfg");
        string staging = workspace.Intermediate("iso");
        progress.Step("make the ISO", () => BootIso.Build(stripped, menu, staging, workspace.Iso));
        stamp.Keep();
    }

    private static ElfFile Link(Workspace workspace, KernelObjects objects)
    {
        ConsoleFont.Convert(ConsoleFont.Source, workspace.Intermediate("font.bin"));
        string libos = workspace.Intermediate("libos.o");
        Assembler assembler = new(workspace.LibOS, workspace.Intermediate());
        IReadOnlyList<string> assembly = assembler.AssembleKernelParts();

        // Once without the table of function names, to learn its size, and once with room for it.
        string names = WriteNames(new byte[sizeof(uint)]);
        LibOSObject.Prepare(objects.LibOS, libos, [.. assembly, names], workspace.LibOS);
        LinkAll();
        byte[] room = new byte[FunctionNames.Table(ElfFile.Read(workspace.Elf)).Length];
        WriteNames(room);
        LinkAll();
        FunctionNames.Write(workspace.Elf, room.Length);

        ElfFile kernel = ElfFile.Read(workspace.Elf);
        KernelChecks.Run(kernel);
        return kernel;

        string WriteNames(byte[] table)
        {
            File.WriteAllBytes(workspace.Intermediate("symbols.bin"), table);
            return assembler.AssembleNames();
        }

        void LinkAll() =>
            KernelLink.Link(objects, [.. assembly, names, libos], workspace.Intermediate("link.ld"), workspace.Elf);
    }
}
