using System;
using System.Buffers.Binary;
using System.Linq;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Hostile;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Mmio;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Mmio;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Pci;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>A machine with one hostile device, all of it drawn from a seed.</summary>
internal sealed class HostileBench : IDisposable
{
    private const ulong LowWindow = 0xE000_0000;
    private const ulong HighWindow = 0x40_0000_0000;
    private const uint WindowLength = 0x1000_0000;
    private const ulong MmioAddress = 0xFEB0_0E00;
    private const int ConfigurationLength = 96;

    private static readonly ulong[] s_ringFeatures =
    [
        FeatureBit.RingPacked, FeatureBit.IndirectDescriptors, FeatureBit.EventIndex, FeatureBit.InOrder,
        FeatureBit.OrderPlatform, FeatureBit.NotificationData, FeatureBit.NotificationConfigurationData,
        FeatureBit.RingReset, FeatureBit.Suspend, FeatureBit.AccessPlatform,
    ];

    private static readonly int[] s_shortConfigurations = [92, 60, 35, 24, 24, 12, 11, 8, 6, 1, 0];
    private static readonly int[] s_vectorCounts = [0, 1, 2, 3, 4, 4, 8, 65];
    private static readonly uint[] s_multipliers = [0, 4, 4, 4, 16, 0x1000];
    private static readonly ulong[] s_mmioLengths = [0x100, 0x200, 0x13C, 0x1000, 0x80];

    private readonly byte _line;
    private PciDeviceFunction? _function;

    public HostileBench(int seed, Hostility? hostility = null)
    {
        Random = new SeededRandom(seed);
        Hostility = hostility ?? DrawHostility();
        DeviceType = Random.Chance(10) ? DeviceTypes.Entropy
            : Random.Chance(55) ? DeviceTypes.Block
            : DeviceTypes.Network;
        _line = (byte)(Random.Chance(95) ? 11 : Random.Below(256));
        Machine.Time.RelaxStep = 10_000_000;
        Machine.Messages.IsQueued = true;
        Machine.Messages.MessagesExist = Random.Chance(90);
        Machine.Messages.LinesExist = Random.Chance(95);
        Machine.Messages.MessagesLeft = Random.Chance(90) ? int.MaxValue : Random.Below(4);
        Machine.Memory.AllocationsLeft = Random.Chance(97) ? int.MaxValue : Random.Below(4);
        Device = new HostileDevice(
            DeviceType,
            DrawQueueCount(),
            Random.Chance(90) ? ConfigurationLength : s_shortConfigurations[Random.Below(s_shortConfigurations.Length)],
            Machine.Memory.GuestMemory,
            Random,
            Hostility);
        Device.OfferedFeatures = DrawFeatures();
        if (DeviceType == DeviceTypes.Network && Random.Chance(20))
        {
            // All that a tunnel needs, which is never drawn by chance.
            Device.OfferedFeatures |= NetFeature.HostOffloads | NetFeature.GuestOffloads;
            Device.OfferedHighFeatures = Random.WideBits();
        }

        FillConfiguration();
        foreach (ModelQueue queue in Device.Queues)
        {
            Prepare(queue);
        }

        Device.ResetDelay = Random.Below(3);
        Device.QueueResetDelay = Random.Below(3);
        Device.SuspendDelay = Random.Below(3);
        Device.FailsToSuspend = Random.Chance(10);
        Device.FailsToResume = Random.Chance(10);
    }

    public SeededRandom Random { get; }

    public Hostility Hostility { get; }

    public ushort DeviceType { get; }

    public SimulatedMachine Machine { get; } = new SimulatedMachine();

    public AccessMeter Meter { get; } = new AccessMeter();

    public HostileDevice Device { get; }

    /// <summary>Whether the device can still reach memory, as far as the bus decides it.</summary>
    public bool IsCutOff => _function is not { CanAccessMemory: true };

    private bool IsHostile(Hostility part) => (Hostility & part) != 0;

    /// <summary>Finds the device as a kernel does.</summary>
    /// <returns>The way to it; null where it is not recognised or refused, which is told.</returns>
    public VirtioTransport? Find() => Random.Chance(75) ? FindOnPci() : FindOnMmio();

    public void Dispose() => Machine.Dispose();

    private Hostility DrawHostility()
    {
        if (Random.Chance(5))
        {
            return Hostility.All;
        }

        Hostility parts = Hostility.None;
        for (int i = 1 + Random.Below(3); i > 0; i--)
        {
            parts |= (Hostility)(1 << Random.Below(9));
        }

        return parts;
    }

    private int DrawQueueCount() => DeviceType switch
    {
        DeviceTypes.Network => Random.Chance(3) ? 1 : 2,
        DeviceTypes.Block => Random.Chance(60) ? 1 : 2 + Random.Below(2),
        _ => 1,
    };

    private ulong DrawFeatures()
    {
        ulong features = Random.Chance(97) ? FeatureBit.Version1 : 0;
        foreach (ulong feature in s_ringFeatures)
        {
            features |= Random.Chance(50) ? feature : 0;
        }

        ulong known = DeviceType switch
        {
            DeviceTypes.Block => 0x266 | (Random.WideBits() & 0x3_FC10),
            DeviceTypes.Network => 0x1_0028,
            _ => 0UL,
        };
        return features | (Random.Chance(60) ? known : Random.WideBits() & 0xFFFF_FF01_00FF_FFFF);
    }

    private void FillConfiguration()
    {
        Span<byte> fields = Device.Fields;
        if (IsHostile(Hostility.Configuration) && Random.Chance(50))
        {
            for (int i = 0; i + 4 <= fields.Length; i += 4)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(fields[i..], Random.Edge());
            }

            return;
        }

        Span<byte> sound = stackalloc byte[ConfigurationLength];
        sound.Clear();
        if (DeviceType == DeviceTypes.Block)
        {
            sound[0] = 64;
            BinaryPrimitives.WriteUInt32LittleEndian(sound[8..], 4096);
            sound[12] = 6;
            BinaryPrimitives.WriteUInt32LittleEndian(sound[20..], 512);
            sound[32] = 1;
            sound[34] = (byte)Device.Queues.Length;
            for (int limit = 36; limit < 72; limit += limit == 48 ? 12 : 4)
            {
                sound[limit] = 4;
            }
        }
        else if (DeviceType == DeviceTypes.Network)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(sound, 0x1_5634_1200_5452);
            BinaryPrimitives.WriteUInt16LittleEndian(sound[10..], 1500);
        }

        sound[..fields.Length].CopyTo(fields);
    }

    private void Prepare(ModelQueue queue)
    {
        int size = Random.Chance(3) ? 0 : Random.Chance(90) ? 1 + Random.Below(24) : 1 + Random.Below(200);
        queue.MaximumSize = (ushort)size;
        queue.NotifyOffset = (ushort)Random.Below(3);
        queue.NotificationConfigurationData = (ushort)(queue.Index + (Random.Below(3) * 0x100));
        queue.Notifications = (NotificationMode)Random.Below(3);
        queue.Policy = new RandomCompletion(Random.WideBits(), 1 + Random.Below(4), Random.Chance(50));
    }

    private PciTransport? FindOnPci()
    {
        PciFunctionOptions options = new PciFunctionOptions
        {
            VectorCount = Random.Chance(1) ? 2048 : s_vectorCounts[Random.Below(s_vectorCounts.Length)],
            MappableVectors = Random.Chance(90) ? int.MaxValue : Random.Below(3),
            InterruptPin = (byte)(Random.Chance(90) ? 1 : 0),
            InterruptLine = _line,
            NotifyMultiplier = s_multipliers[Random.Below(s_multipliers.Length)],
            HasWideBaseAddress = Random.Chance(30),
        };
        HostileOutput output = new HostileOutput(Machine.Messages.OutputTo(_line), Random, Hostility);
        _function = new PciDeviceFunction(Device, output, options);
        PciBus bus = new PciBus(Random.Chance(50), Random.Chance(80) ? uint.MaxValue : 0);
        bus.Add((byte)Random.Below(32), new HostileFunction(_function, Random, Hostility));
        MeteredRegisters.Add(Machine, Meter, bus, LowWindow, WindowLength);
        MeteredRegisters.Add(Machine, Meter, bus, HighWindow, WindowLength);

        PciTopology topology = PciTopology.Discover(new MeteredConfiguration(Meter, bus), Machine.Log);
        if (Random.Chance(90))
        {
            BaseAddressAssignment assignment = new BaseAddressAssignment(Machine.Log);
            assignment.AddMemoryWindow(new AddressRange(LowWindow, WindowLength));
            assignment.AddMemoryWindow(new AddressRange(HighWindow, WindowLength));
            assignment.Assign(topology);
        }

        PciFunction? found = topology.Functions.ToArray().FirstOrDefault(f => PciIdentity.TryIdentify(f, out _));
        if (found == null)
        {
            return null;
        }

        PciTransport? transport = PciTransport.TryCreate(Machine, found, out Failure? failure);
        BrokenPromiseException.Unless((transport == null) == (failure is not null), "a refusal has a reason");
        if (transport == null)
        {
            found.Quiesce();
        }

        return transport;
    }

    private MmioTransport? FindOnMmio()
    {
        HostileOutput output = new HostileOutput(Machine.Messages.OutputTo(_line), Random, Hostility);
        MmioDevice device = new MmioDevice(Device, output);
        HostileRegisters registers = new HostileRegisters(device, Random, Hostility);
        Machine.AddRegisters(MmioAddress, new MeteredRegisters(Meter, registers.Registers));
        ulong length = Random.Chance(80)
            ? registers.Registers.Length
            : s_mmioLengths[Random.Below(s_mmioLengths.Length)];
        return MmioTransport.TryCreate(Machine, MmioAddress, length, _line, out _);
    }
}
