using System;
using System.Collections.Generic;
using System.IO;

namespace VirtioGuest.Build;

/// <summary>Where the sources are, and everything that is built from them.</summary>
internal sealed class Workspace
{
    private readonly string _images;
    private readonly string _imageName = "VirtioGuest";

    /// <param name="root">The folder of VirtioGuest.sln.</param>
    /// <param name="artifacts">
    /// Where output goes; if null, to the folder <c>artifacts</c> under <paramref name="root"/>.
    /// </param>
    public Workspace(string root, string? artifacts)
    {
        Root = Path.GetFullPath(root);
        Artifacts = Path.GetFullPath(artifacts ?? Path.Combine(Root, "artifacts"));
        _images = Artifacts;
        KernelProject = Path.Combine(Root, "src", "Kernel", "VirtioGuest.Kernel.csproj");
    }

    private Workspace(Workspace other, string program)
        : this(other.Root, other.Artifacts)
    {
        KernelProject = program;
        _imageName = Path.GetFileNameWithoutExtension(program);
        _images = Path.Combine(Artifacts, "programs", _imageName);
    }

    public string Root { get; }

    public string Artifacts { get; }

    /// <summary>The bootable CD image, for BIOS and UEFI.</summary>
    public string Iso => Path.Combine(_images, $"{_imageName}.iso");

    /// <summary>The kernel with its symbols; <c>qemu -kernel</c> boots it through PVH.</summary>
    public string Elf => Path.Combine(_images, $"{_imageName}.elf");

    /// <summary>The kernel in the format of the Linux/x86 boot protocol.</summary>
    public string BzImage => Path.Combine(_images, $"{_imageName}.bzImage");

    /// <summary>The bootable CD image of the Cosmos kernel.</summary>
    public string CosmosIso => Path.Combine(Artifacts, "VirtioGuest.Cosmos.iso");

    /// <summary>The Cosmos kernel with its symbols, which the image leaves out.</summary>
    public string CosmosSymbols => Path.Combine(Artifacts, "VirtioGuest.Cosmos.elf");

    /// <summary>The folder of the packages for other Cosmos kernels.</summary>
    public string CosmosPackages => Path.Combine(Artifacts, "packages");

    public string SampleDisk => Path.Combine(Artifacts, "sample-disk.img");

    public string BenchmarkResults => Path.Combine(Artifacts, "bench.json");

    /// <summary>The folder of comparisons with other guests: their packages, and the results.</summary>
    public string Comparisons => Path.Combine(Artifacts, "bench");

    /// <summary>The folder of conformance reports and traces.</summary>
    public string Conformance => Path.Combine(Artifacts, "conformance");

    public string TestResults => Path.Combine(Artifacts, "test-results");

    /// <summary>The lists of source mutants.</summary>
    public string MutantLists => Path.Combine(Root, "tests", "Mutants");

    public string Solution => Path.Combine(Root, "VirtioGuest.sln");

    public string LibOS => Path.Combine(Root, "src", "LibOS");

    /// <summary>The benchmarks that need no guest.</summary>
    public string HostBenchmarks => Path.Combine(Root, "tests", "Benchmarks", "VirtioGuest.Benchmarks.csproj");

    /// <summary>The project whose program runs: the kernel's, with the shell, or somebody's own.</summary>
    public string KernelProject { get; }

    public string CosmosKernelProject =>
        Path.Combine(Root, "src", "Cosmos", "Kernel", "VirtioGuest.Cosmos.Kernel.csproj");

    /// <summary>The sources that a program is made of besides those in its project's folder.</summary>
    public IReadOnlyList<string> AdditionalSources { get; init; } = [];

    /// <summary>What the compilation of the program is told besides.</summary>
    public IReadOnlyList<string> ProgramProperties { get; private init; } = [];

    private string LabGuest => Path.Combine(Root, "labs", "Guest", "VirtioGuest.Labs.Guest.csproj");

    /// <summary>Object files, the stripped kernel and whatever else is made on the way to the images.</summary>
    public string Intermediate(params string[] parts) => Path.Combine(
        [Artifacts, "obj", _images == Artifacts ? "image" : Path.Combine("programs", _imageName), .. parts]);

    /// <summary>The same with a program of somebody's own in the place of the shell.</summary>
    /// <param name="program">Its project, or the folder with its only project; null for the shell.</param>
    /// <param name="sources">Files and folders that it is made of besides those in the project's folder.</param>
    /// <exception cref="BuildFailure">There is no such project.</exception>
    public Workspace For(string? program, IReadOnlyList<string>? sources = null)
    {
        if (program is null)
        {
            return this;
        }

        string[] projects = Directory.Exists(program) ? Directory.GetFiles(program, "*.csproj")
            : File.Exists(program) ? [program]
            : [];
        return projects.Length == 1
            ? new Workspace(this, Path.GetFullPath(projects[0])) { AdditionalSources = sources ?? [] }
            : throw new BuildFailure($"{program} is not a project, nor a folder with one project in it");
    }

    /// <summary>The same with a student's files in the place of the shell.</summary>
    /// <param name="files">The folder that they are in.</param>
    public Workspace ForLab(string files) => new(this, LabGuest)
    {
        AdditionalSources = [files, Path.Combine(Root, "labs", "Kit")],
        ProgramProperties = [$"-property:LabFiles={files}"],
    };

    /// <summary>
    /// Looks for the root upwards from the folder that the tool was started in, then from the tool's own folder.
    /// </summary>
    public static Workspace Find(string? artifacts)
    {
        foreach (string start in new[] { Environment.CurrentDirectory, AppContext.BaseDirectory })
        {
            for (string? folder = start; folder is not null; folder = Path.GetDirectoryName(folder))
            {
                if (File.Exists(Path.Combine(folder, "build.sh")) && Directory.Exists(Path.Combine(folder, "iso")))
                {
                    return new Workspace(folder, artifacts);
                }
            }
        }

        throw new BuildFailure("the VirtioGuest source folder was not found: start ./build.sh from inside it");
    }

    /// <summary>Deletes everything that was built, except this tool, which is running.</summary>
    public void Clean()
    {
        if (!Directory.Exists(Artifacts))
        {
            return;
        }

        string running = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        foreach (string folder in Directory.EnumerateDirectories(Artifacts))
        {
            if (folder != running)
            {
                Directory.Delete(folder, recursive: true);
            }
        }

        foreach (string file in Directory.EnumerateFiles(Artifacts))
        {
            File.Delete(file);
        }
    }
}
