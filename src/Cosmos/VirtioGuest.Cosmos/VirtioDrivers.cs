using System.Collections.Generic;
using Cosmos.Core;
using Cosmos.HAL;
using Cosmos.HAL.BlockDevice;
using VirtioGuest.Cosmos.Binding;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Cosmos.Machine;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;
using VirtioGuest.Volumes;
using HalGlobal = Cosmos.HAL.Global;
using Partition = Cosmos.HAL.BlockDevice.Partition;

namespace VirtioGuest.Cosmos;

/// <summary>
/// What a Cosmos kernel calls: <see cref="Register()"/> once in <c>BeforeRun</c>, before it registers the file system.
/// </summary>
public static class VirtioDrivers
{
    /// <summary>A little less than a period of Cosmos' timer, so that every tick polls; in nanoseconds.</summary>
    private const ulong PollInterval = 50_000_000;

    private static readonly List<VirtioBlockDevice> s_disks = new();
    private static readonly List<VirtioNetworkDevice> s_cards = new();
    private static List<OtherDevice> s_others = new();
    private static CosmosMachine? s_machine;

    /// <summary>The disks that <see cref="Register()"/> found.</summary>
    public static List<VirtioBlockDevice> Disks => s_disks;

    /// <summary>The network cards that <see cref="Register()"/> found.</summary>
    public static List<VirtioNetworkDevice> NetworkDevices => s_cards;

    /// <summary>The devices of all other drivers that <see cref="Register()"/> found.</summary>
    public static List<OtherDevice> OtherDevices => s_others;

    /// <summary>
    /// Finds the virtio devices, starts them, and adds disks, their partitions and network cards to Cosmos' lists.
    /// </summary>
    /// <returns>How many devices run. A second call does nothing and returns the same number.</returns>
    /// <remarks>
    /// The console gets a line for each device. Cards are named <c>eth0</c> and so on, after those that exist.
    /// </remarks>
    public static int Register() => Register(new CosmosMachine(new CosmosPlatform(new ConsoleLog())));

    /// <summary>
    /// Does what <see cref="Register()"/> does, for a kernel that uses the machine too or wants the lines elsewhere.
    /// </summary>
    /// <param name="machine">The machine for all devices. Used by the first call only.</param>
    /// <returns>How many devices run.</returns>
    public static int Register(CosmosMachine machine)
    {
        if (s_machine is not null)
        {
            return Count;
        }

        Platform platform = machine.Platform;
        if (ProcessorInterrupts.IsPlugged() == 0)
        {
            platform.WriteLine("virtio: VirtioGuest.Cosmos.Plugs is no PlugsReference of this kernel: no devices");
            return 0;
        }

        s_machine = machine;
        DeviceInventory inventory = DeviceBinder.Bind(platform, machine);
        for (int i = 0; i < inventory.Disks.Count; i++)
        {
            Add(inventory.Disks[i], platform);
        }

        for (int i = 0; i < inventory.Cards.Count; i++)
        {
            string name = "eth" + DecimalText.Of((ulong)NetworkDevice.Devices.Count);
            s_cards.Add(new VirtioNetworkDevice(inventory.Cards[i], name));
        }

        s_others = inventory.Others;
        if (Count != 0)
        {
            HalGlobal.PIT.RegisterTimer(new PIT.PITTimer(new PollTimer().OnTimer, PollInterval, true));
        }

        return Count;
    }

    /// <summary>
    /// Serves the devices that cannot interrupt, and restarts network cards that are in trouble. A timer does so about
    /// 18 times a second; a kernel that waits for frames may call it more often.
    /// </summary>
    public static void Poll()
    {
        s_machine?.Lines.Poll();
        for (int i = 0; i < s_cards.Count; i++)
        {
            s_cards[i].Card.Attend();
        }
    }

    private static int Count => s_disks.Count + s_cards.Count + s_others.Count;

    private static void Add(DiskAccess disk, Platform platform)
    {
        var device = new VirtioBlockDevice(disk);
        s_disks.Add(device);
        if (disk.SectorCount == 0)
        {
            // Cosmos reads the first sector of every disk, without asking whether there is one.
            platform.WriteLine(disk.Device.Name + ": empty, not added");
            return;
        }

        BlockDevice.Devices.Add(device);
        PartitionTable table = PartitionTable.Read(new DiskSectors(disk), new byte[disk.Device.BlockSize]);
        for (int i = 0; i < table.Partitions.Count; i++)
        {
            Volumes.Partition found = table.Partitions[i];
            Partition.Partitions.Add(new Partition(device, found.FirstSector, found.SectorCount));
        }

        for (int i = 0; i < table.Notes.Count; i++)
        {
            platform.WriteLine("warning: " + disk.Device.Name + ": partitions: " + table.Notes[i]);
        }

        if (table.Failure is not null)
        {
            platform.WriteLine("warning: " + disk.Device.Name + ": partitions: " + table.Failure.Of("the device"));
        }
    }

    /// <summary>Cosmos can only call a method of an object.</summary>
    private sealed class PollTimer
    {
        internal void OnTimer(INTs.IRQContext context) => Poll();
    }
}
