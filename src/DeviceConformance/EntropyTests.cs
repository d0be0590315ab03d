using System;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.DeviceConformance;

/// <summary>What an entropy device does with buffers (virtio 1.4, 5.4).</summary>
internal static class EntropyTests
{
    private const uint Length = 512;

    public static DeviceTest[] All =>
    [
        new("rng.random", "No two buffers hold the same", "5.4.6", Differ) { DeviceType = DeviceTypes.Entropy },
        new("rng.some", "At least one byte comes, and as many as the used length says", "5.4.6.2", GivesSome)
        {
            DeviceType = DeviceTypes.Entropy,
            IsPerForm = true,
        },
    ];

    private static void Differ(DeviceBench bench)
    {
        TestRing ring = bench.Start(DeviceKind.Of(DeviceTypes.Entropy)!);
        byte[] first = Ask(bench, ring, 0);
        byte[] second = Ask(bench, ring, 1);
        int common = Math.Min(first.Length, second.Length);
        if (common < 8)
        {
            DeviceBench.Skip("gives only " + DecimalText.Of((uint)common) + " bytes at a time");
        }

        DeviceBench.Require(
            !first.AsSpan(0, common).SequenceEqual(second.AsSpan(0, common)), "gives the same bytes twice");
        DeviceBench.Require(first.AsSpan().ContainsAnyExcept(first[0]), "gives the same byte all the time");
    }

    private static void GivesSome(DeviceBench bench)
    {
        TestRing ring = bench.Start(DeviceKind.Of(DeviceTypes.Entropy)!);
        for (int slot = 0; slot < 10; slot++)
        {
            byte[] bytes = Ask(bench, ring, slot);
            DeviceBench.Require(bytes.Length > 0, "gives back an empty buffer");
        }
    }

    private static byte[] Ask(DeviceBench bench, TestRing ring, int slot)
    {
        bench.Fill(slot, 0);
        bench.HandOver(slot);
        ring.Post([bench.Writable(slot, 0, Length)]);
        ring.Publish();
        ring.Kick();
        UsedElement used = bench.Take(ring);
        bench.TakeBack(slot);
        DeviceBench.Require(
            used.Length <= Length,
            "says that it wrote " + DecimalText.Of(used.Length) + " bytes into " + DecimalText.Of(Length));
        DeviceBench.Require(
            !bench.Bytes(slot, Length, DeviceBench.SlotLength - Length).ContainsAnyExcept((byte)0),
            "writes behind the buffer that it was given");
        return bench.Bytes(slot, 0, used.Length).ToArray();
    }
}
