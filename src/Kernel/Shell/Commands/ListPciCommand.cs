using VirtioGuest.Commands;
using VirtioGuest.Commands.Text;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>lspci</c>: the functions on the PCI buses and what they decode.</summary>
internal sealed class ListPciCommand : Command
{
    private readonly DeviceInventory _devices;

    /// <summary>Creates the command.</summary>
    /// <param name="devices">What was found.</param>
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
