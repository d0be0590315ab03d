using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace VirtioGuest.Build.Image;

/// <summary>Builds the three files that a guest can be booted from: the ELF file, the bzImage and the ISO.</summary>
internal static class ImageBuild
{
    private static readonly string[] s_inputs =
    [
        "src", "iso", "Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props", "global.json",
    ];

    /// <summary>Builds; returns at once if nothing has changed since the last build.</summary>
    public static void Run(Workspace workspace) => IncrementalBuild.Run(
        workspace.Intermediate(),
        s_inputs.Select(name => Path.Combine(workspace.Root, name))
            .Append(Path.GetDirectoryName(workspace.KernelProject)!)
            .Concat(workspace.AdditionalSources)
            .Distinct(),
        [workspace.Iso, workspace.Elf, workspace.BzImage],
        () => Build(workspace));

    private static void Build(Workspace workspace)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(workspace.Elf)!);
        KernelObjects objects = Progress.Step("compile the kernel and LibOS", () => Compile(workspace));
        var assembler = new Assembler(workspace.LibOS, workspace.Intermediate());
        ElfFile kernel = Progress.Step("link the kernel", () => Link(workspace, objects, assembler));
        string stripped = workspace.Intermediate("VirtioGuest.stripped.elf");
        Progress.Step("make the bzImage and the PVH gate", () =>
        {
            ExternalProgram.Run("objcopy", ["--strip-all", workspace.Elf, stripped]);
            BzImage.Build(assembler, kernel, stripped, workspace.BzImage);
            PvhGate.Add(assembler, kernel, workspace.Elf);
        });
        string menu = Path.Combine(workspace.Root, "iso", "grub.cfg");
        string staging = workspace.Intermediate("iso");
        Progress.Step("make the ISO", () => BootIso.Build(stripped, menu, staging, workspace.Iso));
    }

    private static KernelObjects Compile(Workspace workspace)
    {
        string list = workspace.Intermediate("objects.txt");
        File.Delete(list);
        ExternalProgram.Run(
            "dotnet",
            [
                "msbuild", workspace.KernelProject, "-nologo", "-verbosity:quiet", "-restore", "-target:KernelObjects",
                "-property:Configuration=Release", $"-property:ArtifactsPath={workspace.Artifacts}",
                $"-property:KernelObjectList={list}",
                .. workspace.ProgramProperties,
            ]);
        if (!File.Exists(list))
        {
            throw new BuildFailure("the compilation of the kernel was interrupted");
        }

        Dictionary<string, string> paths = File.ReadLines(list)
            .Select(line => line.Split('=', 2))
            .ToDictionary(parts => parts[0], parts => parts[1]);
        return new KernelObjects(paths["kernel"], paths["libos"], paths["runtime"], paths["framework"]);
    }

    private static ElfFile Link(Workspace workspace, KernelObjects objects, Assembler assembler)
    {
        ConsoleFont.Convert(ConsoleFont.Source, workspace.Intermediate("font.bin"));
        string libos = workspace.Intermediate("libos.o");
        IReadOnlyList<string> assembly = assembler.AssembleKernelParts();

        // Once with an empty table of function names, to learn its size, and once with room for it.
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

/// <summary>What the MSBuild target <c>KernelObjects</c> leaves.</summary>
/// <param name="Kernel">The object file of the kernel program and the part of the class library that it uses.</param>
/// <param name="LibOS">LibOS' object file, which cannot be linked yet: see <see cref="LibOSObject"/>.</param>
/// <param name="Runtime">The folder of the runtime's static libraries.</param>
/// <param name="Framework">The folder of the class library's native parts.</param>
internal sealed record KernelObjects(string Kernel, string LibOS, string Runtime, string Framework);
