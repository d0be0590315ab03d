using System;
using System.Threading.Tasks;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Commands.SelfTest.Cases;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;
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
        BlockStatus status = _disk.Disk.ReadAsync(firstSector, destination).AsTask().GetAwaiter().GetResult();
        return _disk.Failure(status, firstSector, (uint)destination.Length / SectorSize);
    }
}

/// <summary>Reads allocate nothing once as many were in flight as ever before.</summary>
internal sealed class ReadAllocationTest : SelfTestCase
{
    private const int Reads = 64;
    private const int Rounds = 10;
    private const int Length = 4096;

    private readonly ShellDisk _disk;

    public ReadAllocationTest(ShellDisk disk)
        : base(disk.Name + ": reads allocate no managed memory")
    {
        _disk = disk;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        Disk disk = _disk.Disk;
        return disk.Contains(0, Length / Disk.SectorSize)
            ? MeasureAsync(disk, new byte[Length]).GetAwaiter().GetResult()
            : SelfTestResult.Skipped("the disk is too small");
    }

    private static async Task<SelfTestResult> MeasureAsync(Disk disk, byte[] buffer)
    {
        // Others may allocate meanwhile; but not in each round.
        long least = long.MaxValue;
        for (int round = 0; round < Rounds && least != 0; round++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < Reads; i++)
            {
                BlockStatus blocking = disk.Read(0, buffer);
                BlockStatus awaited = await disk.ReadAsync(0, buffer).ConfigureAwait(false);
                if (blocking != BlockStatus.Ok || awaited != BlockStatus.Ok)
                {
                    return SelfTestResult.Failed((blocking != BlockStatus.Ok ? blocking : awaited).Describe());
                }
            }

            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        return SelfTestResult.Expect(least == 0, $"{least} bytes for {Reads} blocking and {Reads} awaited reads");
    }
}
