using System;
using System.IO;
using System.Text;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Block;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Tracing;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary>
/// <c>trace start [DEVICE]</c>: records what a driver does with its rings; <c>trace stop disk D|serial</c> ends that
/// and writes the recording, for <c>./build.sh trace</c>.
/// </summary>
/// <remarks>
/// The device is restarted twice, because it gets memory of another kind; while nobody records, nothing of it is in the
/// way.
/// </remarks>
internal sealed class TraceCommand : Command
{
    private const string FirstDisk = "disk0";

    private readonly DeviceInventory _devices;
    private RingTrace? _trace;

    public TraceCommand(DeviceInventory devices)
        : base("trace start [DEVICE]|stop disk D|stop serial", "record a driver's rings, for ./build.sh trace")
    {
        _devices = devices;
    }

    /// <inheritdoc/>
    public override bool CanBeLeft => false;

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        switch (arguments)
        {
            case ["start"]:
                return Start(shell, FirstDisk);
            case ["start", string name]:
                return Start(shell, name);
            case ["stop", "serial"]:
                return Stop(shell, null);
            case ["stop", "disk", string number] when Number.TryParse(number, out ulong index):
                return index < (ulong)shell.Disks.Length
                    ? Stop(shell, shell.Disks[index])
                    : CommandResult.Failure($"there is no disk{index}");
            default:
                return CommandResult.WrongArguments;
        }
    }

    private CommandResult Start(ShellContext shell, string name)
    {
        if (_trace is not null)
        {
            return CommandResult.Failure($"{_trace.Device.Name} is recorded already");
        }

        if (Find(name) is not ILendableDevice owner)
        {
            return CommandResult.Failure($"there is no {name}");
        }

        _trace = RingTrace.TryStart(owner, out Failure? failure);
        if (_trace is null)
        {
            return CommandResult.Failure(name + ": " + failure!.Of("the device"));
        }

        shell.Output.WriteLine($"{name}: recording up to {RingTrace.MostSteps} steps");
        return CommandResult.Success;
    }

    private CommandResult Stop(ShellContext shell, SectorDevice? target)
    {
        if (_trace is not RingTrace trace)
        {
            return CommandResult.Failure("nothing is recorded");
        }

        string name = trace.Device.Name;
        if (target is { IsUsable: false } or { IsReadOnly: true })
        {
            return CommandResult.Failure(target.Name + (target.IsUsable ? " is read-only" : " is out of use"));
        }

        if (Find(name) is ILendableDevice owner && trace.Stop(owner) is Failure failure)
        {
            return CommandResult.Failure(name + ": " + failure.Of("the device"));
        }

        byte[] recording = TextOf(trace);
        Failure? unwritten = null;
        if (target is null)
        {
            shell.Output.Write(recording);
        }
        else
        {
            unwritten = Write(target, recording);
        }

        if (unwritten is not null)
        {
            // It may still go somewhere else.
            return CommandResult.Failure(target!.Name + ": " + unwritten.Of("the disk"));
        }

        _trace = null;

        shell.Output.WriteLine(
            $"{name}: recorded {trace.Steps} steps, dropped {trace.Dropped}, {recording.Length} bytes "
            + (target is null ? "above" : "at the start of " + target.Name));
        return CommandResult.Success;
    }

    private static byte[] TextOf(RingTrace trace)
    {
        using var bytes = new MemoryStream();
        using (var text = new StreamWriter(bytes, new UTF8Encoding(false)))
        {
            trace.Write(text);
        }

        return bytes.ToArray();
    }

    private static Failure? Write(SectorDevice disk, byte[] recording)
    {
        int block = (int)Math.Max(disk.BlockSize, SectorDevice.SectorSize);
        byte[] padded = new byte[(recording.Length + block - 1) / block * block];
        recording.CopyTo(padded, 0);
        return disk.Contains(0, (ulong)padded.Length / SectorDevice.SectorSize)
            ? disk.Write(0, padded) ?? disk.Flush()
            : new Failure("is too small for the recording");
    }

    private ILendableDevice? Find(string name)
    {
        foreach (Services.Block.Disk disk in _devices.PresentDisks)
        {
            if (disk.Name == name)
            {
                return disk;
            }
        }

        foreach (NetworkPort port in _devices.PresentNetworks)
        {
            if (port.Name == name && port.Link is VirtioLink link)
            {
                return link;
            }
        }

        foreach (OtherDevice other in _devices.PresentOthers)
        {
            if (other.Device.Name == name)
            {
                return other;
            }
        }

        return null;
    }
}
