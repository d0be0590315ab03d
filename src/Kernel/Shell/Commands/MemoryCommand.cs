using System;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Text;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>mem</c>: what the memory is used for.</summary>
internal sealed class MemoryCommand : Command
{
    private readonly SystemControl _system;
    private readonly DeviceInventory _devices;

    /// <summary>Creates the command.</summary>
    /// <param name="system">The machine.</param>
    /// <param name="devices">What was found.</param>
    public MemoryCommand(SystemControl system, DeviceInventory devices)
        : base("mem", "show what the memory is used for")
    {
        _system = system;
        _devices = devices;
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        MemoryInfo memory = _system.Memory;
        Show(shell.Output, "total", memory.Total);
        Show(shell.Output, "above 4 GiB", memory.TotalAbove4G);
        Show(shell.Output, "used", memory.Total - memory.Free);
        Show(shell.Output, "  kernel image", memory.Image);
        Show(shell.Output, "  libos tables", memory.Tables);
        Show(shell.Output, "  program", memory.Program);
        Show(shell.Output, "  devices", memory.Dma);
        Show(shell.Output, "  quarantined", memory.Quarantined);
        foreach (VirtioDevice device in _devices.VirtioDevices)
        {
            ulong quarantined = device.Describe().QuarantinedBytes;
            if (quarantined != 0)
            {
                Show(shell.Output, "    by " + device.Name, quarantined);
            }
        }

        Show(shell.Output, "free", memory.Free);
        Show(shell.Output, "largest free", memory.LargestFree);
        Show(shell.Output, "managed heap", (ulong)GC.GetTotalMemory(forceFullCollection: false));
        shell.Output.WriteLine(
            Column.Left("collections:", 16)
            + $"{GC.CollectionCount(0)} of generation 0, {GC.CollectionCount(1)} of 1, {GC.CollectionCount(2)} of 2");
        return CommandResult.Success;
    }

    private static void Show(TextOutput output, string name, ulong bytes) =>
        output.WriteLine(Column.Left(name + ":", 16) + Column.Right(bytes, 12) + "  " + ByteCount.Format(bytes));
}
