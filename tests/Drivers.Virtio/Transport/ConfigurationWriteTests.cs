using System;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Devices;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport;

/// <summary>What a driver writes to the device's configuration (virtio 1.4, 2.5).</summary>
public class ConfigurationWriteTests
{
    private const int Length = 20;

    [Test]
    public void Fields_are_written_in_their_own_widths([Values] bool isMmio)
    {
        using ModelBench<Model> bench = NewBench(isMmio);
        VirtioTransport transport = Open(bench);
        transport.WriteConfiguration8(1, 0xAB);
        transport.WriteConfiguration16(2, 0xCDEF);
        transport.WriteConfiguration32(Length - 4, 0x12345678);

        Assert.That(bench.Model.Written, Is.EqualTo("1 at 1, 2 at 2, 4 at 16"));
        Assert.That(
            bench.Model.Configuration.ToArray(),
            Is.EqualTo(new byte[] { 0, 0xAB, 0xEF, 0xCD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x78, 0x56, 0x34, 0x12 }));
        Assert.That(transport.ReadConfiguration8(1), Is.EqualTo(0xAB));
        Assert.That(transport.ReadConfiguration16(2), Is.EqualTo(0xCDEF));
        Assert.That(transport.ReadConfiguration32(Length - 4), Is.EqualTo(0x12345678));
    }

    [Test]
    public void Nothing_is_read_or_written_outside_the_configuration_or_across_fields([Values] bool isMmio)
    {
        using ModelBench<Model> bench = NewBench(isMmio);
        VirtioTransport transport = Open(bench);
        uint length = transport.ConfigurationLength;
        foreach (uint offset in new[] { length, length + 4, 0xFFFF_FF00, 0xFFFF_FF70, 0xFFFF_FFFC })
        {
            Refuses(() => transport.WriteConfiguration8(offset, 0));
            Refuses(() => transport.WriteConfiguration16(offset, 0));
            Refuses(() => transport.WriteConfiguration32(offset, 0));
            Refuses(() => transport.ReadConfiguration8(offset));
            Refuses(() => transport.ReadConfiguration16(offset));
            Refuses(() => transport.ReadConfiguration32(offset));
        }

        Refuses(() => transport.WriteConfiguration16(1, 0));
        Refuses(() => transport.WriteConfiguration32(2, 0));
        Assert.That(bench.Model.Written, Is.Empty);
        Assert.That(transport.Status, Is.EqualTo(DeviceStatus.Acknowledge), "the registers are as they were");
    }

    private static ModelBench<Model> NewBench(bool isMmio) => new(dma => new Model(dma.GuestMemory), isMmio);

    private static VirtioTransport Open(ModelBench<Model> bench)
    {
        VirtioTransport transport = bench.OpenTransport();
        transport.Open();
        transport.Status |= DeviceStatus.Acknowledge;
        return transport;
    }

    private static void Refuses(Action access) =>
        Assert.That(access, Throws.InstanceOf<ArgumentOutOfRangeException>());

    /// <summary>Takes everything that is written to its configuration.</summary>
    private sealed class Model(GuestMemory memory)
        : VirtioDeviceModel(SampleDriver.SampleType, 1, Length, memory)
    {
        public string Written { get; private set; } = "";

        protected override ulong TypeFeatures => 0;

        protected override bool Serve(ModelQueue queue) => false;

        protected override bool TakesConfiguration(uint offset, int width, uint value)
        {
            Written += (Written.Length == 0 ? "" : ", ") + $"{width} at {offset}";
            for (int i = 0; i < width; i++)
            {
                ConfigurationStore[(int)offset + i] = (byte)(value >> (8 * i));
            }

            return true;
        }
    }
}
