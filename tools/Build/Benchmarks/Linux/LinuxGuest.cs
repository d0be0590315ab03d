using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;

namespace VirtioGuest.Build.Benchmarks.Linux;

/// <summary>
/// Debian's Linux for virtual machines, from its package, with <c>init.c</c> as its only program.
/// </summary>
internal sealed class LinuxGuest : Contestant
{
    private const string PackagePattern = "linux-image-*-cloud-amd64_*_amd64.deb";
    private const string Musl = "/usr/lib/x86_64-linux-musl";

    /// <summary>The modules that are loaded, each after those that it needs.</summary>
    private static readonly string[] s_modules =
    [
        "virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev", "virtio_pci", "virtio_blk",
        "failover", "net_failover", "virtio_net", "virtio-rng",
    ];

    private static readonly JsonSerializerOptions s_format = new(JsonSerializerDefaults.Web);

    private readonly string _kernel;
    private readonly string _initialRamDisk;

    /// <param name="kernel">The kernel's file.</param>
    /// <param name="initialRamDisk">The initramfs' file, with <c>init.c</c> in it.</param>
    public LinuxGuest(string kernel, string initialRamDisk)
    {
        _kernel = kernel;
        _initialRamDisk = initialRamDisk;
    }

    /// <inheritdoc/>
    public override string Name => "Linux";

    /// <summary>The kernel's release, once a workload has run: <c>6.1.0-57-cloud-amd64</c>.</summary>
    public string Release { get; private set; } = "";

    /// <summary>Unpacks the kernel and makes its initramfs, where that has not been done before.</summary>
    /// <exception cref="BuildFailure">There is no package; the message says how to get it.</exception>
    public static LinuxGuest Prepare(Workspace workspace)
    {
        string package = FindPackage(workspace);
        string folder = workspace.Intermediate("linux");
        string kernel = Path.Combine(folder, "vmlinuz");
        string initialRamDisk = Path.Combine(folder, "initramfs.cpio");
        string source = Path.Combine(workspace.Root, "tools", "Build", "Benchmarks", "Linux", "init.c");
        IncrementalBuild.Run(
            folder,
            [package, source],
            [kernel, initialRamDisk],
            () => Progress.Step("unpack Linux and make its initramfs", () =>
            {
                string init = Path.Combine(folder, "init");
                CompileInit(source, init);
                Unpack(package, folder, kernel, initialRamDisk, init);
            }));
        return new LinuxGuest(kernel, initialRamDisk);
    }

    /// <summary>The newest package in the folder of the comparison's results.</summary>
    public static string FindPackage(Workspace workspace)
    {
        string folder = workspace.Comparisons;
        string shown = Path.GetRelativePath(Environment.CurrentDirectory, folder);
        return (Directory.Exists(folder) ? Directory.EnumerateFiles(folder, PackagePattern) : [])
            .MaxBy(File.GetLastWriteTimeUtc)
            ?? throw new BuildFailure(
                "Linux' package is missing. Please type: "
                + $"(mkdir -p {shown} && cd {shown} && apt-get download "
                + "$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: //p'))");
    }

    /// <inheritdoc/>
    public override bool CanRun(Workload workload) => true;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Boot(Workload workload) => Boot(workload.LinuxJob);

    /// <summary>What has QEMU run jobs of <c>init.c</c>, with spaces in between.</summary>
    public IReadOnlyList<string> Boot(string jobs) =>
    [
        "-kernel", _kernel,
        "-initrd", _initialRamDisk,
        "-append", $"console=ttyS0 quiet panic=-1 -- {jobs}",
    ];

    /// <inheritdoc/>
    public override Sample? Read(Workload workload, IReadOnlyList<string> lines)
    {
        string line = lines[^1];
        if (!line.StartsWith('{'))
        {
            return null;
        }

        LinuxReport report = Parse(line);
        if (report.Workload != workload.Name)
        {
            throw new BuildFailure($"Linux reports '{report.Workload}' and not '{workload.Name}'");
        }

        Release = report.Release;
        return report.ToSample();
    }

    public static LinuxReport Parse(string line)
    {
        try
        {
            LinuxReport? report = JsonSerializer.Deserialize<LinuxReport>(line, s_format);
            if (report is { Requests: > 0, Nanoseconds: > 0 })
            {
                return report;
            }
        }
        catch (JsonException)
        {
            // The same as a report of nothing.
        }

        throw new BuildFailure($"Linux printed '{line}' where the result was expected");
    }

    /// <summary>Makes a program of <c>init.c</c> that needs no library.</summary>
    public static void CompileInit(string source, string target) => ExternalProgram.Run(
        "clang",
        [
            "--target=x86_64-linux-musl", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror",
            "-nostdlibinc", "-isystem", "/usr/include/x86_64-linux-musl",
            "-static", "-nostdlib", "-fuse-ld=lld", "-Wl,--strip-all",
            "-o", target,
            $"{Musl}/crt1.o", $"{Musl}/crti.o", source, $"{Musl}/libc.a", $"{Musl}/crtn.o",
        ]);

    private static void Unpack(string package, string folder, string kernel, string initialRamDisk, string init)
    {
        string content = Path.Combine(folder, "package");
        try
        {
            ExternalProgram.Run("dpkg-deb", ["-x", package, content]);
            File.Copy(Only(package, Path.Combine(content, "boot"), "vmlinuz-*"), kernel, overwrite: true);
            string modules = Path.Combine(content, "lib", "modules");
            File.WriteAllBytes(
                initialRamDisk,
                Archive(
                    File.ReadAllBytes(init),
                    s_modules.Select(name => File.ReadAllBytes(Only(package, modules, name + ".ko")))));
        }
        finally
        {
            if (Directory.Exists(content))
            {
                Directory.Delete(content, recursive: true);
            }
        }
    }

    private static byte[] Archive(byte[] init, IEnumerable<byte[]> modules)
    {
        var disk = new InitialRamDisk();
        foreach (string folder in new[] { "dev", "proc", "sys", "modules" })
        {
            disk.AddFolder(folder);
        }

        disk.AddCharacterDevice("dev/console", 5, 1);
        disk.AddFile("init", init);
        foreach ((int index, byte[] module) in modules.Index())
        {
            disk.AddFile($"modules/{index}", module);
        }

        return disk.Finish();
    }

    private static string Only(string package, string folder, string pattern)
    {
        string[] found = Directory.Exists(folder)
            ? Directory.GetFiles(folder, pattern, SearchOption.AllDirectories)
            : [];
        return found.Length == 1
            ? found[0]
            : throw new BuildFailure($"{Path.GetFileName(package)} has {found.Length} files {pattern}, and not one");
    }
}

/// <summary>The line of JSON that <c>init.c</c> prints.</summary>
/// <param name="Workload">The job's name.</param>
/// <param name="Release">The kernel's release.</param>
/// <param name="Ring">The format of the rings, <c>packed</c> or <c>split</c>.</param>
/// <param name="Requests">How many requests there were.</param>
/// <param name="Ticks">Ticks of the timestamp counter from first to last.</param>
/// <param name="Nanoseconds">The time from first to last.</param>
/// <param name="IdleNanoseconds">How much of it Linux was idle.</param>
/// <param name="Interrupts">How often virtio devices interrupted.</param>
internal sealed record LinuxReport(
    string Workload,
    string Release,
    string Ring,
    long Requests,
    long Ticks,
    long Nanoseconds,
    long IdleNanoseconds,
    long Interrupts)
{
    public Sample ToSample()
    {
        double busy = 1 - ((double)IdleNanoseconds / Nanoseconds);
        return new Sample(
            Ring, Requests * 1e9 / Nanoseconds, Ticks * busy / Requests, (double)Interrupts / Requests);
    }
}
