using VirtioGuest.Commands;
using VirtioGuest.Commands.Text;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>lspci</c>: the functions on the PCI buses and what they decode.</summary>
internal sealed class ListPciCommand : Command
{
    private readonly DeviceInventory _devices;

    public ListPciCommand(DeviceInventory devices)
        : base("lspci", "show PCI functions")
    {
        _devices = devices;
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        foreach (PciFunction function in _devices.Functions)
        {
            string address = function.Address.ToString();
            string device = PciNames.Device(function.VendorId, function.DeviceId)
                ?? PciNames.Vendor(function.VendorId)
                ?? "unknown vendor";
            string driver = _devices.FindName(address) is { } name ? " -> " + name : "";
            shell.Output.WriteLine(
                $"{address} {function.VendorId:x4}:{function.DeviceId:x4} "
                + $"{PciNames.Class(function.BaseClass, function.Subclass)}: {device}{driver}");
            foreach (BaseAddressRegister register in function.BaseAddresses)
            {
                shell.Output.WriteLine(Describe(register));
            }
        }

        if (_devices.Functions.Length == 0)
        {
            shell.Output.WriteLine("no PCI functions");
        }

        return CommandResult.Success;
    }

    private static string Describe(BaseAddressRegister register)
    {
        string kind = register.Kind switch
        {
            BaseAddressKind.Io => "ports",
            BaseAddressKind.Memory32 => "32-bit memory",
            _ => "64-bit memory",
        };
        string place = register.IsAssigned ? $"0x{register.Address:x}" : "unassigned";
        return $"        bar {register.Index}: {kind} {place}, {ByteCount.Format(register.Length)}"
            + (register.IsPrefetchable ? ", prefetchable" : "");
    }
}

/// <summary><c>lsvirtio</c>: the virtio devices, what was negotiated with them, and their queues.</summary>
internal sealed class ListVirtioCommand : Command
{
    private static readonly (FeatureFate Fate, string Heading)[] s_fates =
    [
        (FeatureFate.Accepted, "features"),
        (FeatureFate.NotImplemented, "offered, not in the driver"),
        (FeatureFate.NotOnTransport, "offered, not for the transport"),
        (FeatureFate.NeedsAnother, "offered, without what they need"),
        (FeatureFate.BadConfiguration, "offered, without a sensible configuration"),
        (FeatureFate.NotConfirmed, "offered, not confirmed"),
        (FeatureFate.NotOffered, "not offered"),
    ];

    private readonly DeviceInventory _devices;

    public ListVirtioCommand(DeviceInventory devices)
        : base("lsvirtio", "show virtio devices, features and queues")
    {
        _devices = devices;
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        foreach (VirtioDevice device in _devices.VirtioDevices)
        {
            Show(shell.Output, device);
        }

        if (_devices.VirtioDevices.Count == 0)
        {
            shell.Output.WriteLine("no virtio devices");
        }

        return CommandResult.Success;
    }

    private void Show(TextOutput output, VirtioDevice device)
    {
        DeviceDescription description = device.Describe();
        output.WriteLine(
            $"{description.Name}: {description.TypeName}, {description.Transport}, {description.RingFormat} ring, "
            + $"{description.Interrupts}, {StateName(description.State)}");
        if (description.Trouble is not null)
        {
            output.WriteLine("    trouble: " + description.Trouble);
        }

        if (description.Restarts != 0)
        {
            // A device that was lent to a benchmark, or whose answer never came, has told of no trouble.
            string? trouble = description.LastTrouble;
            output.WriteLine(
                $"    brought up again: {description.Restarts} times"
                + (trouble is null ? "" : $", the last time because of: {trouble}"));
        }

        string space = device.Transport is PciTransport ? ", " + _devices.ConfigurationSpace : "";
        output.WriteLine($"    transport: {description.Interface}{space}");
        output.WriteLine(
            $"    interrupts: {description.InterruptReason}; {description.ConfigurationInterrupts} for changes");
        foreach ((FeatureFate fate, string heading) in s_fates)
        {
            string[] names = description.FeatureReport.NamesOf(fate);
            if (names.Length != 0)
            {
                output.WriteLine($"    {heading}: {string.Join(' ', names)}");
            }
        }

        foreach (string detail in description.Details)
        {
            output.WriteLine("    " + detail);
        }

        foreach (QueueDescription queue in description.Queues)
        {
            Show(output, queue);
        }

        output.WriteLine($"    quarantined: {description.QuarantinedBytes} bytes");
        foreach (Counter counter in description.Counters)
        {
            output.WriteLine($"    {counter.Name}: {counter.Value}");
        }
    }

    private static void Show(TextOutput output, QueueDescription queue)
    {
        string vector = queue.Vector < 0 ? "line" : "vector " + queue.Vector.ToString();
        string fault = queue.Fault == QueueFault.None ? "" : ", broken: " + QueueFaults.Describe(queue.Fault);
        output.WriteLine(
            $"    queue {queue.Index} {queue.Name}: {queue.Size} descriptors, {vector}, {queue.Added} added, "
            + $"{queue.Used} used, {queue.InFlight} in flight, {queue.Notifications} notifications, "
            + $"{queue.Interrupts} interrupts{fault}");
        string tables = queue.IndirectTableLength == 0
            ? "no indirect tables"
            : "indirect tables of " + queue.IndirectTableLength.ToString();
        string place = queue.Notification.Length == 0 ? "" : ", notified at " + queue.Notification;
        output.WriteLine(
            $"        {queue.PreferredSize} descriptors wanted, {queue.MaximumSize} possible, {tables}, "
            + (queue.HasEventIndex ? "event index" : "no event index") + place);
        if (queue.LengthsClamped != 0)
        {
            output.WriteLine($"        used lengths beyond the buffer, and cut to it: {queue.LengthsClamped}");
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
