using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Commands.SelfTest.Cases;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Shell;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>The functions on the bus still answer, and those that nobody drives are quiet.</summary>
internal sealed class PciTest : SelfTestCase
{
    private const uint VendorOffset = 0;
    private const ushort NoVendor = 0xFFFF;

    private readonly DeviceInventory _devices;

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

        bool isAnyThere = false;
        foreach (PciFunction function in _devices.Functions)
        {
            string address = function.Address.ToString();
            ushort vendor = function.Read16(VendorOffset);
            if (vendor == NoVendor)
            {
                // Somebody may have taken the device away.
                continue;
            }

            isAnyThere = true;
            if (vendor != function.VendorId)
            {
                return SelfTestResult.Failed(address + " is not what it was");
            }

            if (_devices.FindName(address) is null
                && function.BaseClass != PciClass.Bridge
                && (function.BusMaster || CouldInterrupt(function)))
            {
                return SelfTestResult.Failed(address + " is not driven and not quiet");
            }
        }

        return SelfTestResult.Expect(isAnyThere, "no PCI function answers any more");
    }

    /// <summary>Whether a function may pull its interrupt line although it could be told not to.</summary>
    private static bool CouldInterrupt(PciFunction function)
    {
        if (function.InterruptDisable || function.InterruptPin == 0)
        {
            return false;
        }

        // Functions from before PCI 2.3 cannot be told.
        function.InterruptDisable = true;
        return function.InterruptDisable;
    }
}

/// <summary>Reading a disk's ends twice, blocking and awaited, gives the same.</summary>
internal sealed class AwaitedReadTest : DiskReadTest
{
    private const uint SectorSize = ShellDisk.SectorSize;

    private readonly ShellDisk _disk;

    public AwaitedReadTest(ShellDisk disk)
        : base(disk, "blocking and awaited reads agree")
    {
        _disk = disk;
    }

    /// <inheritdoc/>
    protected override Failure? ReadAgain(ulong firstSector, byte[] destination)
    {
        DiskStatus status = _disk.Disk.ReadAsync(firstSector, destination).AsTask().GetAwaiter().GetResult();
        return _disk.Failure(status, firstSector, (uint)destination.Length / SectorSize);
    }
}
