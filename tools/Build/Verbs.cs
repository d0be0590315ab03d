using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using VirtioGuest.Build.Benchmarks;
using VirtioGuest.Build.Cosmos;
using VirtioGuest.Build.Guest;
using VirtioGuest.Build.Image;
using VirtioGuest.Build.Mutants;
using VirtioGuest.Build.Testing;

namespace VirtioGuest.Build;

/// <summary>The commands of the tool and their options.</summary>
internal static class Verbs
{
    private static readonly Option<string?> s_artifacts = new("--artifacts")
    {
        Description = "where output goes (default: artifacts)",
        HelpName = "folder",
        Recursive = true,
    };

    private static bool IsOnTerminal => !Console.IsInputRedirected && !Console.IsOutputRedirected;

    /// <summary>Builds the command line's grammar.</summary>
    /// <param name="forQemu">What the user wrote after <c>--</c>.</param>
    public static RootCommand Create(IReadOnlyList<string> forQemu)
    {
        RootCommand root = new("Builds VirtioGuest and runs it in QEMU.")
        {
            s_artifacts,
            Guest("run", "boot the guest in QEMU, with a disk and a network card", false, forQemu),
            Guest("debug", "the same, waiting for gdb before the first instruction", true, forQemu),
            Test(forQemu),
            Simple("iso", "build the ISO, the ELF file and the bzImage", forQemu, ImageBuild.Run),
            Cosmos(forQemu),
            ForCosmos("cosmos-iso", "only build the Cosmos kernel's ISO", forQemu, CosmosImage.Build),
            ForCosmos("cosmos-packages", "pack the drivers for other Cosmos kernels", forQemu, CosmosPackages.Build),
            Bench(forQemu),
            Simple("format", "bring all sources into the house's layout", forQemu, SourceFormat.Apply),
            Simple("clean", "delete everything that was built", forQemu, Cleanup.Run),
        };
        return root;
    }

    private static Command Guest(string name, string description, bool waitsForDebugger, IReadOnlyList<string> forQemu)
    {
        Option<string> accelerator = Accelerator();
        Option<string> door = new("--door")
        {
            Description = "what the guest is started from",
            DefaultValueFactory = _ => "iso",
        };
        door.AcceptOnlyFromAmong("iso", "elf", "bzimage");
        Option<int> memory = Memory(256);
        Option<bool> uefi = new("--uefi") { Description = "UEFI firmware instead of BIOS" };
        Option<FileInfo?> disk = Disk();
        Command command = new(name, description + "; what follows -- goes to QEMU")
        {
            accelerator, door, memory, uefi, disk,
        };
        command.Validators.Add(result =>
        {
            if (result.GetValue(uefi) && result.GetValue(door) is ("elf" or "bzimage"))
            {
                result.AddError("--uefi is for --door iso: the other doors use no firmware.");
            }
        });
        command.SetAction(parsed =>
        {
            Workspace workspace = Workspace.Find(parsed.GetValue(s_artifacts));
            ImageBuild.Run(workspace);
            return GuestSession.Run(workspace, new GuestOptions
            {
                Door = Enum.Parse<Door>(parsed.GetRequiredValue(door), ignoreCase: true),
                IsUefi = parsed.GetValue(uefi),
                Accelerator = parsed.GetRequiredValue(accelerator),
                MemoryMegabytes = parsed.GetValue(memory),
                Disk = parsed.GetValue(disk)?.FullName ?? workspace.SampleDisk,
                WaitsForDebugger = waitsForDebugger,
                IsInteractive = IsOnTerminal,
                Additional = forQemu,
            });
        });
        return command;
    }

    private static Command Cosmos(IReadOnlyList<string> forQemu)
    {
        Option<string?> devkit = Devkit();
        Option<string> accelerator = Accelerator();
        Option<int> memory = Memory(512);
        Option<FileInfo?> disk = Disk();
        Command command = new(
            "cosmos", "build the Cosmos kernel with an installed devkit and boot it; what follows -- goes to QEMU")
        {
            devkit, accelerator, memory, disk,
        };
        command.SetAction(parsed =>
        {
            Workspace workspace = Workspace.Find(parsed.GetValue(s_artifacts));
            CosmosImage.Build(workspace, CosmosDevkit.Locate(parsed.GetValue(devkit)));
            return GuestSession.Run(workspace, new GuestOptions
            {
                Door = Door.Cosmos,
                Accelerator = parsed.GetRequiredValue(accelerator),
                MemoryMegabytes = parsed.GetValue(memory),
                Disk = parsed.GetValue(disk)?.FullName ?? workspace.SampleDisk,
                IsInteractive = IsOnTerminal,
                Additional = forQemu,
            });
        });
        return command;
    }

    private static Command ForCosmos(
        string name, string description, IReadOnlyList<string> forQemu, Action<Workspace, CosmosDevkit> action)
    {
        Option<string?> devkit = Devkit();
        Command command = new(name, description) { devkit };
        RefuseArgumentsForQemu(command, forQemu);
        command.SetAction(parsed => action(
            Workspace.Find(parsed.GetValue(s_artifacts)), CosmosDevkit.Locate(parsed.GetValue(devkit))));
        return command;
    }

    private static Option<string> Accelerator()
    {
        Option<string> option = new("--accel")
        {
            Description = "what executes the guest",
            DefaultValueFactory = _ => "tcg",
        };
        option.AcceptOnlyFromAmong("tcg", "kvm");
        return option;
    }

    private static Option<int> Memory(int usual)
    {
        Option<int> option = new("--memory")
        {
            Description = "RAM in MiB",
            HelpName = "MiB",
            DefaultValueFactory = _ => usual,
        };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out int value) && value <= 0)
            {
                result.AddError("--memory takes a number of MiB above 0.");
            }
        });
        return option;
    }

    private static Option<FileInfo?> Disk() => new("--disk")
    {
        Description = "the disk's image (default: a sample disk that is kept)",
        HelpName = "file",
    };

    private static Option<string?> Devkit() => new("--cosmos-dir")
    {
        Description = "where the Cosmos devkit is (default: where Cosmos' installer put it)",
        HelpName = "folder",
    };

    private static Command Test(IReadOnlyList<string> forQemu)
    {
        Option<bool> nightly = new("--nightly") { Description = "include the tests that take long" };
        Option<string?> filter = new("--filter")
        {
            Description = "only these tests, in the words of 'dotnet test --filter'",
            HelpName = "expression",
        };
        Option<bool> mutants = new("--mutants")
        {
            Description = "instead, change the sources in one place after another and see that a test notices; "
                + "with --filter only mutants with that text in their name",
        };
        Command command = new("test", "build everything, check the layout of the sources, run all tests")
        {
            nightly, mutants, filter,
        };
        RefuseArgumentsForQemu(command, forQemu);
        command.SetAction(parsed =>
        {
            Workspace workspace = Workspace.Find(parsed.GetValue(s_artifacts));
            return parsed.GetValue(mutants)
                ? MutantRun.Run(workspace, parsed.GetValue(filter))
                : TestRun.Run(workspace, parsed.GetValue(nightly), parsed.GetValue(filter));
        });
        return command;
    }

    private static Command Bench(IReadOnlyList<string> forQemu)
    {
        Option<string?> filter = new("--filter")
        {
            Description = "only benchmarks with this in their name; bench.json is not written",
            HelpName = "text",
        };
        Command command = new("bench", "measure; prints a table and writes bench.json") { filter };
        RefuseArgumentsForQemu(command, forQemu);
        command.SetAction(parsed => BenchmarkRun.Run(
            Workspace.Find(parsed.GetValue(s_artifacts)), parsed.GetValue(filter)));
        return command;
    }

    private static Command Simple(
        string name, string description, IReadOnlyList<string> forQemu, Action<Workspace> action)
    {
        Command command = new(name, description);
        RefuseArgumentsForQemu(command, forQemu);
        command.SetAction(parsed => action(Workspace.Find(parsed.GetValue(s_artifacts))));
        return command;
    }

    private static void RefuseArgumentsForQemu(Command command, IReadOnlyList<string> forQemu) =>
        command.Validators.Add(result =>
        {
            if (forQemu.Count > 0)
            {
                result.AddError("Arguments for QEMU, after --, are for run, debug and cosmos.");
            }
        });
}
