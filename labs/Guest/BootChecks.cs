using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace VirtioGuest.Labs.Guest;

/// <summary>
/// What a lab's driver is asked to do in the guest. Whether the answers are right is seen from outside.
/// </summary>
internal static class BootChecks
{
    private const ushort Network = 1;
    private const ushort Block = 2;
    private const ushort Entropy = 4;
    private const byte DriverOk = 4;
    private const ulong EventIndex = 1UL << 29;
    private const ulong RingPacked = 1UL << 34;
    private const uint BufferLength = 32;

    /// <summary>The checks for a student's object.</summary>
    public static IEnumerable<(string Name, Func<string> Run)> Of(object student, LabMachine machine) => student switch
    {
        DeviceFinder finder =>
        [
            ("finds QEMU's entropy device", () => Open(finder, machine, Entropy)),
            ("finds QEMU's disk", () => Open(finder, machine, Block)),
            ("finds no network card, because there is none", () => Name(finder.Find(machine, Network))),
        ],
        Negotiator negotiator => [("negotiates with QEMU's entropy device", () => Negotiate(negotiator, machine))],
        RandomSource source => [("reads random bytes from QEMU", () => Read(source, machine))],
        SectorReader reader => Sectors(reader, machine),
        RequestQueue queue => [("reads 40 sectors, several at a time", () => Many(queue, machine))],
        EventQueue events => [("sleeps until QEMU interrupts, 40 times", () => Sleep(events, machine))],
        PackedQueue packed => [("reads random bytes through a packed ring, 40 times", () => Pack(packed, machine))],
        _ => [],
    };

    private static string Open(DeviceFinder finder, LabMachine machine, ushort type)
    {
        byte device = finder.Find(machine, type) ?? throw new InvalidOperationException("Find gave null");
        VirtioFunction function = finder.Open(machine, device)
            ?? throw new InvalidOperationException("Open gave null");
        function.Common.Write8(CommonOffset.DeviceStatus, 0);
        return $"{Name(device)}, status {function.Common.Read8(CommonOffset.DeviceStatus)}, "
            + $"{function.Common.Read16(CommonOffset.QueueCount)} queues";
    }

    private static string Negotiate(Negotiator negotiator, LabMachine machine)
    {
        VirtioFunction device = Find(machine, Entropy);
        ulong? agreed = negotiator.Negotiate(machine, device.Common, 1UL << 32);
        negotiator.GoLive(machine, device.Common);
        return $"features {agreed:x}, status {device.Common.Read8(CommonOffset.DeviceStatus)}";
    }

    private static string Read(RandomSource source, LabMachine machine)
    {
        VirtioFunction device = Find(machine, Entropy);
        EarlierLabs.Negotiate(machine, device, 0);
        source.Start(machine, device);
        return string.Join(' ', Enumerable.Range(0, 20).Select(_ => Convert.ToHexString(source.Read(16))));
    }

    private static IEnumerable<(string Name, Func<string> Run)> Sectors(SectorReader reader, LabMachine machine)
    {
        yield return ("reads the capacity of QEMU's disk", () => Capacity(reader, machine));
        foreach (ulong sector in new ulong[] { 0, 1, 77, 2047 })
        {
            yield return ($"reads sector {sector}", () => Convert.ToHexString(
                reader.ReadSector(sector) ?? throw new InvalidOperationException("ReadSector gave null")));
        }
    }

    private static string Capacity(SectorReader reader, LabMachine machine)
    {
        VirtioFunction device = Find(machine, Block);
        EarlierLabs.Negotiate(machine, device, 0);
        reader.Start(machine, device);
        return reader.ReadCapacity().ToString(CultureInfo.InvariantCulture);
    }

    private static string Many(RequestQueue queue, LabMachine machine)
    {
        const int Count = 40;
        VirtioFunction device = Find(machine, Block);
        EarlierLabs.Negotiate(machine, device, 0);
        queue.Start(machine, device, 16);
        List<string> answers = [];
        for (int sent = 0; answers.Count < Count;)
        {
            if (sent < Count && queue.TrySubmit((ulong)(sent * 3), sent))
            {
                sent++;
            }
            else if (queue.TryComplete(out int token, out byte[]? data))
            {
                answers.Add($"{token * 3}:{(data is null ? "null" : Convert.ToHexString(data.AsSpan(0, 16)))}");
            }
            else
            {
                machine.Pause();
            }
        }

        return string.Join(' ', answers);
    }

    private static string Sleep(EventQueue events, LabMachine machine)
    {
        VirtioFunction device = Find(machine, Entropy);
        ulong features = EarlierLabs.Negotiate(machine, device, EventIndex);
        if ((features & EventIndex) == 0)
        {
            throw new InvalidOperationException("QEMU does not offer EVENT_IDX");
        }

        LabInterrupt interrupt = machine.OpenInterrupt(device.Device, 0);
        (ushort size, DmaBlock[] parts) = SetUp(machine, device, isPacked: false);
        events.Attach(new SplitRing(size, parts[0], parts[1], parts[2]));
        DmaBlock buffer = machine.Allocate(BufferLength, 16);
        parts[0].Store64(0, buffer.DeviceAddress);
        parts[0].Store32(8, BufferLength);
        parts[0].Store16(12, 2);
        uint notify = device.Common.Read16(CommonOffset.QueueNotifyOffset) * device.NotifyMultiplier;
        int sleeps = 0;
        HashSet<string> seen = [];
        for (int round = 0; round < 40; round++)
        {
            if (events.Publish(0))
            {
                device.Notify.Write16(notify, 0);
            }

            uint length;
            while (!events.TryTake(out _, out length))
            {
                if (!events.EnableInterrupts())
                {
                    interrupt.Wait();
                    sleeps++;
                }
            }

            seen.Add(Convert.ToHexString(buffer.Read(0, length)));
        }

        return $"{seen.Count} different answers, {(sleeps > 0 ? "slept" : "never slept")}";
    }

    private static string Pack(PackedQueue packed, LabMachine machine)
    {
        VirtioFunction device = Find(machine, Entropy);
        ulong features = EarlierLabs.Negotiate(machine, device, EventIndex | RingPacked);
        if ((features & RingPacked) == 0)
        {
            throw new InvalidOperationException("QEMU does not offer RING_PACKED");
        }

        (ushort size, DmaBlock[] parts) = SetUp(machine, device, isPacked: true);
        packed.Attach(new PackedRing(size, parts[0], parts[1], parts[2]));
        DmaBlock buffer = machine.Allocate(4 * BufferLength, 16);
        uint notify = device.Common.Read16(CommonOffset.QueueNotifyOffset) * device.NotifyMultiplier;
        HashSet<string> seen = [];
        for (int round = 0; round < 40; round++)
        {
            BufferPart[] list =
            [
                .. Enumerable.Range(0, 1 + (round % 3)).Select(i => new BufferPart(
                    buffer.DeviceAddress + (BufferLength * (uint)i), BufferLength, true)),
            ];
            if (!packed.TryAdd(list, round))
            {
                throw new InvalidOperationException($"TryAdd refused round {round}");
            }

            if (packed.IsNotificationDue())
            {
                device.Notify.Write16(notify, 0);
            }

            int token;
            uint length;
            while (!packed.TryTake(out token, out length))
            {
                machine.Pause();
            }

            if (token != round)
            {
                throw new InvalidOperationException($"round {round} came back with token {token}");
            }

            seen.Add(Convert.ToHexString(buffer.Read(0, Math.Min(length, BufferLength))));
        }

        return $"{seen.Count} different answers";
    }

    private static (ushort Size, DmaBlock[] Parts) SetUp(LabMachine machine, VirtioFunction device, bool isPacked)
    {
        const ushort PackedSize = 7;
        RegisterRegion common = device.Common;
        common.Write16(CommonOffset.QueueSelect, 0);
        ushort size = common.Read16(CommonOffset.QueueSize);
        if (isPacked)
        {
            size = PackedSize;
            common.Write16(CommonOffset.QueueSize, size);
        }

        DmaBlock[] parts =
        [
            machine.Allocate(16u * size, 16),
            machine.Allocate(isPacked ? 4 : 6 + (2u * size), 4),
            machine.Allocate(isPacked ? 4 : 6 + (8u * size), 4),
        ];
        for (uint i = 0; i < parts.Length; i++)
        {
            common.Write32(CommonOffset.QueueDescriptor + (8 * i), (uint)parts[i].DeviceAddress);
            common.Write32(CommonOffset.QueueDescriptor + (8 * i) + 4, (uint)(parts[i].DeviceAddress >> 32));
        }

        common.Write16(CommonOffset.QueueVector, isPacked ? ushort.MaxValue : (ushort)0);
        if (!isPacked && common.Read16(CommonOffset.QueueVector) != 0)
        {
            throw new InvalidOperationException("QEMU has no vector for the queue");
        }

        common.Write16(CommonOffset.QueueEnable, 1);
        byte status = common.Read8(CommonOffset.DeviceStatus);
        common.Write8(CommonOffset.DeviceStatus, (byte)(status | DriverOk));
        return (size, parts);
    }

    private static VirtioFunction Find(LabMachine machine, ushort type) =>
        EarlierLabs.Find(machine, type) ?? throw new InvalidOperationException("The device is not there.");

    private static string Name(byte? device) => device is null ? "nothing" : $"device {device}";
}
