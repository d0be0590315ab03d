using System;
using VirtioGuest.Drivers.Virtio;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Kernel.Text;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>lsvirtio</c>: the virtio devices, what was negotiated with them, and their queues.</summary>
internal sealed class ListVirtioCommand : Command
{
    /// <summary>Creates the command.</summary>
    public ListVirtioCommand()
        : base("lsvirtio", "show virtio devices, features and queues")
    {
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, ReadOnlySpan<string> arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        foreach (VirtioDevice device in shell.Devices.VirtioDevices)
        {
            Show(shell.Output, device.Describe());
        }

        if (shell.Devices.VirtioDevices.Count == 0)
        {
            shell.Output.WriteLine("no virtio devices");
        }

        return CommandResult.Success;
    }

    private static void Show(TextOutput output, DeviceDescription device)
    {
        output.WriteLine(
            $"{device.Name}: {device.TypeName}, {device.Transport}, {device.RingFormat} ring, {device.Interrupts}, "
            + StateName(device.State));
        if (device.Trouble is not null)
        {
            output.WriteLine("    trouble: " + device.Trouble);
        }

        output.WriteLine("    features: " + string.Join(' ', device.Features));
        foreach (QueueDescription queue in device.Queues)
        {
            string vector = queue.Vector < 0 ? "line" : "vector " + queue.Vector.ToString();
            string fault = queue.Fault == QueueFault.None ? "" : ", broken: " + QueueFaults.Describe(queue.Fault);
            output.WriteLine(
                $"    queue {queue.Index} {queue.Name}: {queue.Size} descriptors, {vector}, {queue.Added} added, "
                + $"{queue.Used} used, {queue.InFlight} in flight, {queue.Notifications} notifications{fault}");
        }

        foreach (Counter counter in device.Counters)
        {
            output.WriteLine($"    {counter.Name}: {counter.Value}");
        }
    }

    private static string StateName(DeviceState state) => state switch
    {
        DeviceState.New => "not started",
        DeviceState.Running => "running",
        DeviceState.NeedsReset => "needs a reset",
        DeviceState.Suspended => "suspended",
        DeviceState.Stopped => "stopped",
        _ => "abandoned",
    };
}
