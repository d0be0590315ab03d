using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Linq;
using VirtioGuest.Build.Benchmarks;
using VirtioGuest.Build.Benchmarks.Linux;
using VirtioGuest.Build.Conformance;
using VirtioGuest.Build.Cosmos;
using VirtioGuest.Build.Guest;
using VirtioGuest.Build.Image;
using VirtioGuest.Build.Labs;
using VirtioGuest.Build.Mutants;
using VirtioGuest.Build.Testing;

namespace VirtioGuest.Build;

/// <summary>The tool's commands and their options.</summary>
internal static class Verbs
{
    private static readonly Option<string?> s_artifacts = new("--artifacts")
    {
        Description = "where output goes (default: artifacts)",
        HelpName = "folder",
        Recursive = true,
    };

    private static bool IsOnTerminal => !Console.IsInputRedirected && !Console.IsOutputRedirected;

    /// <param name="forQemu">What the user wrote after <c>--</c>.</param>
    public static RootCommand Create(IReadOnlyList<string> forQemu)
    {
        Command run = Guest("run", "boot the guest in QEMU, with a disk and a network card", false, forQemu);
        Command debug = Guest("debug", "boot the guest and wait for gdb before the first instruction", true, forQemu);
        Command cosmos = Cosmos(forQemu);
        var root = new RootCommand("Builds VirtioGuest and runs it in QEMU.")
        {
            s_artifacts,
            run,
            debug,
            Test(),
            Iso(),
            cosmos,
            ForCosmos("cosmos-iso", "only build the Cosmos kernel's ISO", CosmosBuild.Image),
            ForCosmos("cosmos-packages", "pack the drivers for other Cosmos kernels", CosmosBuild.Packages),
            Bench(),
            Devices(),
            Conform(),
            Trace(),
            Lab(),
            Simple("format", "format all sources", TestRun.Format),
            Simple("clean", "delete everything that was built", workspace => workspace.Clean()),
        };
        foreach (Command command in root.Subcommands.Except([run, debug, cosmos]))
        {
            command.Validators.Add(result =>
            {
                if (forQemu.Count > 0)
                {
                    result.AddError("Arguments for QEMU, after --, are for run, debug and cosmos.");
                }
            });
        }

        return root;
    }

    private static Command Guest(string name, string description, bool waitsForDebugger, IReadOnlyList<string> forQemu)
    {
        Option<string> accelerator = Accelerator();
        var door = new Option<string>("--door")
        {
            Description = "what the guest is booted from",
            DefaultValueFactory = _ => "iso",
        };
        door.AcceptOnlyFromAmong("iso", "elf", "bzimage");
        Option<int> memory = Memory(256);
        var uefi = new Option<bool>("--uefi") { Description = "use UEFI firmware instead of BIOS" };
        Option<FileInfo?> disk = Disk();
        Argument<string?> program = Program();
        var command = new Command(name, description + "; what follows -- goes to QEMU")
        {
            program, accelerator, door, memory, uefi, disk,
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
            Workspace workspace = Workspace.Find(parsed.GetValue(s_artifacts)).For(parsed.GetValue(program));
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
        var command = new Command(
            "cosmos", "build the Cosmos kernel with an installed devkit and boot it; what follows -- goes to QEMU")
        {
            devkit, accelerator, memory, disk,
        };
        command.SetAction(parsed =>
        {
            Workspace workspace = Workspace.Find(parsed.GetValue(s_artifacts));
            CosmosBuild.Image(workspace, CosmosDevkit.Locate(parsed.GetValue(devkit)));
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

    private static Command ForCosmos(string name, string description, Action<Workspace, CosmosDevkit> action)
    {
        Option<string?> devkit = Devkit();
        var command = new Command(name, description) { devkit };
        command.SetAction(parsed => action(
            Workspace.Find(parsed.GetValue(s_artifacts)), CosmosDevkit.Locate(parsed.GetValue(devkit))));
        return command;
    }

    private static Command Iso()
    {
        Argument<string?> program = Program();
        var command = new Command("iso", "build the ISO, the ELF file and the bzImage") { program };
        command.SetAction(parsed =>
            ImageBuild.Run(Workspace.Find(parsed.GetValue(s_artifacts)).For(parsed.GetValue(program))));
        return command;
    }

    private static Argument<string?> Program()
    {
        var argument = new Argument<string?>("program")
        {
            Description = "the project of a program that runs in the place of the shell; its images go to "
                + "artifacts/programs",
            Arity = ArgumentArity.ZeroOrOne,
        };
        argument.Validators.Add(result =>
        {
            // What is no option of the command would be taken for a project.
            if (result.Tokens is [{ Value: ['-', ..] option }, ..])
            {
                result.AddError($"Unrecognized command or argument '{option}'.");
            }
        });
        return argument;
    }

    private static Option<string> Accelerator()
    {
        var option = new Option<string>("--accel")
        {
            Description = "QEMU's accelerator",
            DefaultValueFactory = _ => "tcg",
        };
        option.AcceptOnlyFromAmong("tcg", "kvm");
        return option;
    }

    private static Option<int> Memory(int usual)
    {
        var option = new Option<int>("--memory")
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
        Description = "the disk's image (default: a sample disk, which is kept)",
        HelpName = "file",
    };

    private static Option<string?> Devkit() => new("--cosmos-dir")
    {
        Description = "where the Cosmos devkit is (default: where Cosmos' installer put it)",
        HelpName = "folder",
    };

    private static Command Test()
    {
        var nightly = new Option<bool>("--nightly") { Description = "include the tests that take long" };
        var filter = new Option<string?>("--filter")
        {
            Description = "only these tests, written as for 'dotnet test --filter'",
            HelpName = "expression",
        };
        var mutants = new Option<bool>("--mutants")
        {
            Description = "instead, break the sources in one place at a time and check that a test notices; "
                + "with --filter, only mutants with that text in their name, or those of that list",
        };
        var command = new Command("test", "build everything, check the format of the sources, run all tests")
        {
            nightly, mutants, filter,
        };
        command.SetAction(parsed =>
        {
            Workspace workspace = Workspace.Find(parsed.GetValue(s_artifacts));
            return parsed.GetValue(mutants)
                ? MutantRun.Run(workspace, parsed.GetValue(filter))
                : TestRun.Run(workspace, parsed.GetValue(nightly), parsed.GetValue(filter));
        });
        return command;
    }

    private static Command Bench()
    {
        var filter = new Option<string?>("--filter")
        {
            Description = "only benchmarks with this text in their name; bench.json is not written",
            HelpName = "text",
        };
        var against = new Option<string?>("--against")
        {
            Description = "instead, measure our guest and another one in turns, and write artifacts/bench",
            HelpName = "guest",
        };
        against.AcceptOnlyFromAmong("linux");
        var rounds = new Option<int>("--rounds")
        {
            Description = "with --against: how often each workload is run",
            DefaultValueFactory = _ => Comparison.UsualRounds,
        };
        var only = new Option<string?>("--only")
        {
            Description = "with --against: only workloads with this text in their name; artifacts/bench is not written",
            HelpName = "text",
        };
        var command = new Command("bench", "measure; prints a table and writes bench.json")
        {
            filter, against, rounds, only,
        };
        command.Validators.Add(result =>
        {
            bool compares = result.GetResult(against) is not null;
            if (compares && result.GetResult(filter) is not null)
            {
                result.AddError("--filter is not for --against, which has --only.");
            }
            else if (!compares
                && (result.GetResult(rounds) is { Implicit: false } || result.GetResult(only) is not null))
            {
                result.AddError("--rounds and --only are for --against.");
            }
        });
        rounds.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1
                && int.TryParse(result.Tokens[0].Value, out int value)
                && value is < 1 or > Comparison.MaximumRounds)
            {
                result.AddError($"--rounds takes a number from 1 to {Comparison.MaximumRounds}.");
            }
        });
        command.SetAction(parsed =>
        {
            Workspace workspace = Workspace.Find(parsed.GetValue(s_artifacts));
            if (parsed.GetValue(against) is null)
            {
                BenchmarkRun.Run(workspace, parsed.GetValue(filter));
            }
            else
            {
                Comparison.Run(workspace, parsed.GetValue(rounds), parsed.GetValue(only));
            }
        });
        return command;
    }

    private static Command Devices()
    {
        var words = new Argument<string[]>("words")
        {
            Description = "blk IMAGE --socket PATH, or rng --socket PATH; --help tells the rest",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var command = new Command("devices", "serve one of the project's devices to QEMU, over vhost-user")
        {
            words,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(parsed => DeviceServing.Run(
            Workspace.Find(parsed.GetValue(s_artifacts)),
            [.. parsed.GetValue(words) ?? [], .. parsed.UnmatchedTokens]));
        return command;
    }

    private static Command Trace()
    {
        var words = new Argument<string[]>("words")
        {
            Description = "FILE, or --example NAME, or --list; --out FILE, --perfetto FILE; nothing makes all examples",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var command = new Command("trace", "turn a recorded run into a page that shows its rings, step by step")
        {
            words,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(parsed => Tracing.Run(
            Workspace.Find(parsed.GetValue(s_artifacts)),
            [.. parsed.GetValue(words) ?? [], .. parsed.UnmatchedTokens]));
        return command;
    }

    private static Command Conform()
    {
        var driver = new Option<string>("--driver")
        {
            Description = "whose: "
                + string.Join("; ", ConformTarget.All.Select(each => $"{each.Name}, {each.Description}")),
            HelpName = "what",
            DefaultValueFactory = _ => "ours",
        };
        driver.AcceptOnlyFromAmong([.. ConformTarget.All.Select(each => each.Name)]);
        var file = new Argument<FileInfo?>("file")
        {
            Description = "the guest, for --driver iso and kernel",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var initialRamDisk = new Option<FileInfo?>("--initrd") { Description = "with --driver kernel: its initramfs" };
        var append = new Option<string?>("--append") { Description = "with --driver kernel: its command line" };
        var seconds = new Option<int>("--seconds")
        {
            Description = "how long QEMU may run",
            DefaultValueFactory = _ => ConformRun.UsualSeconds,
        };
        var device = new Option<string?>("--device")
        {
            Description = "judge devices and no driver: "
                + string.Join("; ", DeviceTarget.All.Select(each => $"{each.Name}, {each.Description}")),
            HelpName = "what",
        };
        device.AcceptOnlyFromAmong([.. DeviceTarget.All.Select(each => each.Name)]);
        var qemu = new Option<string>("--qemu")
        {
            Description = "with --device custom: the devices, as QEMU is told of them",
            DefaultValueFactory = _ => string.Empty,
        };
        var tests = new Option<string>("--tests")
        {
            Description = "with --device: what conform is told in the guest",
            DefaultValueFactory = _ => "all --destructive",
        };
        var record = new Option<bool>("--record") { Description = "keep the run in docs/conformance" };
        var odd = new Option<string?>("--odd")
        {
            Description = "what served devices do that few devices do; a wrong name lists them",
        };
        var command = new Command(
            "conform", "judge a virtio driver, or devices, by the specification; writes artifacts/conformance")
        {
            driver, file, initialRamDisk, append, seconds, odd, device, qemu, tests, record,
        };
        command.Validators.Add(result =>
        {
            // A name that is none has been refused already, and has no value.
            string name = result.GetResult(driver)?.Tokens is [.., { Value: var given }] ? given : "ours";
            ConformTarget? target = ConformTarget.All.FirstOrDefault(each => each.Name == name);
            bool hasFile = result.GetValue(file) is not null;
            if (target is not null && target.TakesFile != hasFile)
            {
                result.AddError(hasFile
                    ? $"--driver {name} takes no file."
                    : $"--driver {name} needs a file: ./build.sh conform --driver {name} FILE.");
            }

            bool isForKernel = result.GetResult(initialRamDisk) is not null || result.GetResult(append) is not null;
            if (isForKernel && name != "kernel")
            {
                result.AddError("--initrd and --append are for --driver kernel.");
            }
        });
        seconds.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1 && int.TryParse(result.Tokens[0].Value, out int value) && value <= 0)
            {
                result.AddError("--seconds takes a number above 0.");
            }
        });
        command.SetAction(parsed => parsed.GetValue(device) is { } judged
            ? DeviceRun.Run(
                Workspace.Find(parsed.GetValue(s_artifacts)),
                new DeviceOptions(
                    judged,
                    parsed.GetRequiredValue(tests),
                    parsed.GetRequiredValue(qemu),
                    parsed.GetValue(seconds),
                    parsed.GetValue(record)))
            : ConformRun.Run(
            Workspace.Find(parsed.GetValue(s_artifacts)),
            new ConformOptions(
                parsed.GetRequiredValue(driver),
                parsed.GetValue(file)?.FullName,
                parsed.GetValue(initialRamDisk)?.FullName,
                parsed.GetValue(append),
                parsed.GetValue(seconds),
                parsed.GetValue(odd),
                parsed.GetValue(record))));
        return command;
    }

    private static Command Lab()
    {
        var number = new Argument<int>("number") { Description = $"which lab, 1 to {LabRun.Last}" };
        var solution = new Option<bool>("--solution") { Description = "grade the answer, to see that it passes" };
        var boot = new Option<bool>("--boot")
        {
            Description = "run the driver in QEMU, in a kernel of its own, instead of over simulated machines",
        };
        var json = new Option<bool>("--json") { Description = "print Gradescope's results.json" };
        var junit = new Option<bool>("--junit") { Description = "print JUnit's XML" };
        var files = new Option<DirectoryInfo?>("--files")
        {
            Description = "the student's files (default: those in the lab's folder)",
            HelpName = "folder",
        };
        var command = new Command("lab", "grade a lab of the coursework; docs/course.md is for teachers")
        {
            number, solution, boot, json, junit, files,
        };
        number.Validators.Add(result =>
        {
            if (result.Tokens.Count == 1
                && int.TryParse(result.Tokens[0].Value, out int value)
                && value is < 1 or > LabRun.Last)
            {
                result.AddError($"There are labs 1 to {LabRun.Last}.");
            }
        });
        command.Validators.Add(result =>
        {
            if (result.GetValue(json) && result.GetValue(junit))
            {
                result.AddError("--json and --junit are two forms of one report: choose one.");
            }

            bool isOfSimulator = result.GetResult(number)?.Tokens is [{ Value: var given }]
                && int.TryParse(given, out int lab)
                && lab > LabRun.LastBootable;
            if (result.GetValue(boot) && isOfSimulator)
            {
                result.AddError(
                    $"Labs after {LabRun.LastBootable} have nothing to do in the guest: leave --boot away.");
            }

            if (result.GetValue(solution) && result.GetValue(files) is not null)
            {
                result.AddError("--solution grades labs/answers, and --files another folder: choose one.");
            }
        });
        command.SetAction(parsed => LabRun.Run(
            Workspace.Find(parsed.GetValue(s_artifacts)),
            new LabOptions(
                parsed.GetValue(number),
                parsed.GetValue(files)?.FullName,
                parsed.GetValue(solution),
                parsed.GetValue(boot),
                parsed.GetValue(json) ? LabReport.Json
                    : parsed.GetValue(junit) ? LabReport.JUnit
                    : LabReport.Text)));
        return command;
    }

    private static Command Simple(string name, string description, Action<Workspace> action)
    {
        var command = new Command(name, description);
        command.SetAction(parsed => action(Workspace.Find(parsed.GetValue(s_artifacts))));
        return command;
    }
}
