using System;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Block;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Capture;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary>
/// <c>net N capture disk D|serial [LIMIT]</c>: writes what the port sends and receives to a capture file, beside
/// everything else; <c>net N capture stop</c> ends that. The limit is a number of frames, or of seconds as in
/// <c>10s</c>.
/// </summary>
internal sealed class NetworkCaptureCommand : PortCommand
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(5);

    private readonly DeviceInventory _devices;

    public NetworkCaptureCommand(DeviceInventory devices, SystemControl system)
        : base(
            devices,
            "net N capture disk D|serial|stop [FRAMES|SECONDSs]",
            "write frames as pcapng over a disk's start or to the serial line")
    {
        _devices = devices;
        system.GoesDown += StopAll;
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, NetworkPort port, string[] arguments)
    {
        if (arguments is ["stop"])
        {
            return Stop(port);
        }

        SectorDevice? disk = null;
        int words = 1;
        if (arguments is ["disk", string number, ..] && Number.TryParse(number, out ulong index))
        {
            words = 2;
            if (index >= (ulong)shell.Disks.Length)
            {
                return CommandResult.Failure($"there is no disk{index}");
            }

            disk = shell.Disks[index];
        }
        else if (arguments is not ["serial", ..])
        {
            return CommandResult.WrongArguments;
        }

        var limit = default(CaptureLimit);
        if (arguments.Length > words + 1 || (arguments.Length > words && !TryParse(arguments[words], out limit)))
        {
            return CommandResult.WrongArguments;
        }

        return Start(shell, port, disk, limit);
    }

    private CommandResult Start(ShellContext shell, NetworkPort port, SectorDevice? disk, CaptureLimit limit)
    {
        if (port.Capture is { IsEnded: false })
        {
            return Failure(port, "a capture runs already");
        }

        CaptureTarget target;
        if (disk is null)
        {
            target = new SerialTarget(shell.Output, port.Name);
        }
        else if (IsCapturedTo(disk))
        {
            return CommandResult.Failure(disk.Name + ": a capture is written to it");
        }
        else if (DiskTarget.TryCreate(disk, out Failure? failure) is DiskTarget start)
        {
            target = start;
        }
        else
        {
            return CommandResult.Failure(disk.Name + ": " + failure!.Of("the disk"));
        }

        shell.Output.WriteLine(
            $"{port.Name}: capturing {target.Place}" + (disk is null ? "" : ", which is overwritten"));
        port.Capture = FrameCapture.Start(port, target, limit, capture => shell.Output.WriteLine(
            capture.Failure is Failure why
                ? $"warning: {port.Name}: capture failed: {why.Of("the disk")}"
                : $"{port.Name}: captured {capture.Progress}"));
        return CommandResult.Success;
    }

    private static CommandResult Stop(NetworkPort port)
    {
        if (port.Capture is not { IsEnded: false } capture)
        {
            return Failure(port, "no capture runs");
        }

        if (!capture.Stop(s_patience))
        {
            return Failure(port, "the capture is not written in time");
        }

        return capture.Failure is null ? CommandResult.Success : Failure(port, "the capture has failed");
    }

    private static bool TryParse(string text, out CaptureLimit limit)
    {
        const ulong LongestSeconds = 86400;
        bool isTime = text.EndsWith('s');
        bool isNumber = Number.TryParse(isTime ? text[..^1] : text, out ulong number) && number > 0;
        limit = isTime && number <= LongestSeconds
            ? new CaptureLimit(null, TimeSpan.FromSeconds(number))
            : new CaptureLimit((long)number, null);
        return isNumber && number <= (isTime ? LongestSeconds : long.MaxValue);
    }

    private bool IsCapturedTo(SectorDevice disk)
    {
        foreach (NetworkPort port in _devices.Networks)
        {
            if (port.Capture is { IsEnded: false, Target: DiskTarget target } && target.Disk.Name == disk.Name)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Ends the captures because the machine goes down: files without an end are hard to read.</summary>
    private void StopAll()
    {
        foreach (NetworkPort port in _devices.Networks)
        {
            if (port.Capture is { IsEnded: false } capture)
            {
                capture.Stop(s_patience);
            }
        }
    }
}
