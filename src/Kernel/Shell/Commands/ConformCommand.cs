using System;
using System.Collections.Generic;
using VirtioGuest.Commands;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.DeviceConformance;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary>
/// <c>conform</c>: judges the devices that are attached by what the specification asks of them, and reports as TAP
/// version 14. Nobody else can use a device while it is judged.
/// </summary>
internal sealed class ConformCommand : Command
{
    private const string ListOption = "--list";
    private const string OnlyOption = "--only";
    private const string DestructiveOption = "--destructive";
    private const string HostileOption = "--hostile";
    private const string AllKinds = "all";

    private readonly DeviceInventory _devices;

    public ConformCommand(DeviceInventory devices)
        : base(
            "conform [blk|net|rng|all] [--list] [--only ID...] [--destructive] [--hostile]",
            "judge devices by what the specification asks of them")
    {
        _devices = devices;
    }

    /// <inheritdoc/>
    public override bool CanBeLeft => false;

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (Options.TryParse(arguments) is not { } options)
        {
            return CommandResult.WrongArguments;
        }

        if (options.IsList)
        {
            List(shell, options);
            return CommandResult.Success;
        }

        List<Judged> judged = Suspend(shell, options, out Failure? failure);
        try
        {
            return failure is not null ? CommandResult.Failure(failure.ToString())
                : judged.Count == 0 ? CommandResult.Failure("there is no such device")
                : Run(shell, judged, options);
        }
        finally
        {
            foreach (Judged device in judged)
            {
                if (!device.Owner.TryResume(out Failure? lost))
                {
                    shell.Output.WriteLine("# " + device.Name + ": " + lost.Of("the device"));
                }
            }
        }
    }

    private static void List(ShellContext shell, Options options)
    {
        foreach (DeviceTest test in DeviceJudge.Tests)
        {
            if (options.Means(test))
            {
                shell.Output.WriteLine(
                    test.Id.PadRight(24) + LevelOf(test).PadRight(11) + test.Clause.PadRight(18) + test.Title);
            }
        }
    }

    private static string LevelOf(DeviceTest test) => test.Level switch
    {
        RequirementLevel.Must => "MUST",
        RequirementLevel.Should => "SHOULD",
        _ => "robustness",
    };

    private static CommandResult Run(ShellContext shell, List<Judged> judged, Options options)
    {
        int planned = 0;
        foreach (Judged device in judged)
        {
            planned += device.Plan.Count;
        }

        if (planned == 0)
        {
            return CommandResult.Failure("there is no such test");
        }

        var report = new TapReport(shell.Output, planned);
        foreach (Judged device in judged)
        {
            int[] counts = new int[4];
            foreach (DeviceRun run in device.Plan)
            {
                if (shell.IsInterrupted)
                {
                    report.BailOut("interrupted");
                    return CommandResult.Interrupted;
                }

                DeviceResult result = device.Judge.Run(run, options.Permission);
                counts[(int)result.Verdict]++;
                Report(report, device, result);
            }

            report.Comment(
                $"{device.Name}: {counts[0]} passed, {counts[1]} failed, {counts[2]} wedged, {counts[3]} skipped");
        }

        return report.Failures == 0
            ? CommandResult.Success
            : CommandResult.Failure($"{report.Failures} of {report.Count} tests of conformance failed");
    }

    private static void Report(TapReport report, Judged device, DeviceResult result)
    {
        SelfTestResult shown = result.Verdict switch
        {
            DeviceVerdict.Pass => SelfTestResult.Passed,
            DeviceVerdict.Skip => SelfTestResult.Skipped(result.Evidence),
            _ => SelfTestResult.Failed(result.Evidence),
        };
        report.Add(
            $"{device.Name} {result.Name}: {result.Test.Title}",
            shown,
            "severity: " + (result.Verdict == DeviceVerdict.Wedged ? "wedged" : "fail"),
            "clause: 'virtio 1.4, " + result.Test.Clause + "'",
            "level: " + LevelOf(result.Test));
    }

    private List<Judged> Suspend(ShellContext shell, Options options, out Failure? failure)
    {
        var judged = new List<Judged>();
        failure = null;
        foreach (ILendableDevice owner in Owners())
        {
            if (options.Kind != AllKinds && KindOf(owner.Device.Driver) != options.Kind)
            {
                continue;
            }

            if (!owner.TrySuspend(out failure))
            {
                failure = new Failure(owner.Device.Name + ": " + failure.Of("the device"), isSentence: true);
                break;
            }

            failure = null;
            var judge = new DeviceJudge(owner.Device.Transport, FindFunction(owner.Device));
            judged.Add(new Judged(owner, judge, judge.Plan(options.Only)));
        }

        return judged;
    }

    private IEnumerable<ILendableDevice> Owners()
    {
        foreach (Services.Block.Disk disk in _devices.PresentDisks)
        {
            yield return disk;
        }

        foreach (NetworkPort port in _devices.PresentNetworks)
        {
            if (port.Link is VirtioLink link)
            {
                yield return link;
            }
        }

        foreach (OtherDevice other in _devices.PresentOthers)
        {
            yield return other;
        }
    }

    private PciFunction? FindFunction(VirtioDevice device)
    {
        foreach (PciFunction function in _devices.Functions)
        {
            if (function.Address.ToString() == device.Transport.Location)
            {
                return function;
            }
        }

        return null;
    }

    private static bool IsKind(string word) =>
        word == AllKinds || Array.Exists(DriverRegistry.Drivers.ToArray(), driver => KindOf(driver) == word);

    /// <summary>What the shell's commands call the devices of a driver.</summary>
    private static string KindOf(VirtioDriver driver) => driver.Prefix == "disk" ? "blk" : driver.Prefix;

    /// <summary>A device that is judged.</summary>
    private sealed record Judged(ILendableDevice Owner, DeviceJudge Judge, List<DeviceRun> Plan)
    {
        public string Name => Owner.Device.Name;
    }

    /// <summary>What the command was told.</summary>
    private sealed record Options(string Kind, bool IsList, DevicePermission Permission, string[] Only)
    {
        public static Options? TryParse(string[] arguments)
        {
            string? kind = null;
            bool isList = false;
            DevicePermission permission = DevicePermission.None;
            List<string>? only = null;
            bool isNaming = false;
            foreach (string argument in arguments)
            {
                switch (argument)
                {
                    case ListOption:
                        (isList, isNaming) = (true, false);
                        break;
                    case DestructiveOption:
                        permission |= DevicePermission.Destroy;
                        isNaming = false;
                        break;
                    case HostileOption:
                        permission |= DevicePermission.BreakRules;
                        isNaming = false;
                        break;
                    case OnlyOption:
                        only ??= [];
                        isNaming = true;
                        break;
                    default:
                        if (isNaming)
                        {
                            only!.Add(argument);
                        }
                        else if (kind is null && IsKind(argument))
                        {
                            kind = argument;
                        }
                        else
                        {
                            return null;
                        }

                        break;
                }
            }

            return only is { Count: 0 }
                ? null
                : new Options(kind ?? AllKinds, isList, permission, [.. only ?? []]);
        }

        public bool Means(DeviceTest test) =>
            Only.Length == 0 || Array.Exists(Only, start => test.Id.StartsWith(start, StringComparison.Ordinal));
    }
}
