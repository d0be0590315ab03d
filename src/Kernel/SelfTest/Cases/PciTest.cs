using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>The functions on the bus still answer, and those that nobody drives are quiet.</summary>
internal sealed class PciTest : SelfTestCase
{
    private const uint VendorOffset = 0;

    private readonly DeviceInventory _devices;

    /// <summary>Creates the test.</summary>
    public PciTest(DeviceInventory devices)
        : base("PCI functions answer, and those that nobody drives are quiet")
    {
        _devices = devices;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        if (_devices.Functions.Length == 0)
        {
            return SelfTestResult.Skipped("no PCI functions");
        }

        foreach (PciFunction function in _devices.Functions)
        {
            string address = function.Address.ToString();
            if (function.Read16(VendorOffset) != function.VendorId)
            {
                return SelfTestResult.Failed(address + " does not answer any more");
            }

            if (_devices.FindName(address) is null
                && function.BaseClass != PciClass.Bridge
                && (function.BusMaster || !function.InterruptDisable))
            {
                return SelfTestResult.Failed(address + " is not driven and not quiet");
            }
        }

        return SelfTestResult.Passed;
    }
}
