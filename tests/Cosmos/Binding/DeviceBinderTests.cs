using System.Linq;
using NUnit.Framework;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Pci;

namespace VirtioGuest.Cosmos.Tests.Binding;

/// <summary>Which devices are bound, what is printed about them, and which lines are left alone.</summary>
public sealed class DeviceBinderTests
{
    private const uint E1000 = 0x100E8086;
    private const uint EthernetClass = 0x02000003;
    private const uint VideoClass = 0x03000000;

    [Test]
    public void Every_device_gets_a_name_and_a_line()
    {
        using Pc pc = new();
        pc.AddDisk(2048);
        pc.AddCard(line: 10);
        pc.AddDisk(8, prepare: disk => disk.OfferedFeatures &= ~FeatureBit.RingPacked);

        pc.Boot();

        Assert.That(pc.Platform.Lines, Is.EqualTo(new[]
        {
            "disk0: virtio-blk at 00:03.0, 2048 sectors, packed ring, INTx line 11",
            "net0: virtio-net at 00:04.0, 52:54:00:12:34:56, packed ring, INTx line 10",
            "disk1: virtio-blk at 00:05.0, 8 sectors, split ring, INTx line 11",
        }));
    }

    [Test]
    public void A_bus_without_devices_gives_none()
    {
        using Pc pc = new();

        pc.Boot();

        Assert.That((pc.Inventory.Disks.Count, pc.Inventory.Cards.Count, pc.Platform.Lines.Count),
            Is.EqualTo((0, 0, 0)));
    }

    [Test]
    public void A_device_without_the_features_that_it_needs_is_skipped_and_stops_no_other()
    {
        using Pc pc = new();
        pc.AddDisk(8, prepare: disk => disk.OfferedFeatures &= ~FeatureBit.Version1);
        pc.AddCard(prepare: card => card.RefusesFeatures = true);
        pc.AddDisk(9);

        pc.Boot();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(pc.Disk.SectorCount, Is.EqualTo(9));
            Assert.That(pc.Inventory.Cards, Is.Empty);
            Assert.That(pc.Platform.Lines.Count(line => line.EndsWith(": skipped", System.StringComparison.Ordinal)),
                Is.EqualTo(2));
        }
    }

    [Test]
    public void A_virtio_device_of_another_type_has_no_driver()
    {
        using Pc pc = new();
        pc.Add(new Console(pc.Platform.Pages), 11);

        pc.Boot();

        Assert.That(pc.Platform.Lines, Is.EqualTo(new[] { "00:03.0: virtio-console has no driver: skipped" }));
    }

    [Test]
    public void Devices_on_one_line_are_served_by_one_interrupt()
    {
        using Pc pc = new();
        NetDevice first = pc.AddCard();
        NetDevice second = pc.AddCard();
        BlockDevice disk = pc.AddDisk(8);
        pc.Boot();

        first.Receive(new byte[60]);
        second.Receive(new byte[61]);
        disk.Resize(16);
        pc.Run();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(pc.Inventory.Cards.Select(card => card.NextLength), Is.EqualTo(new[] { 60, 61 }));
            Assert.That(pc.Disk.SectorCount, Is.EqualTo(16));
            Assert.That(pc.Platform.IsRaised(11), Is.False);
        }
    }

    [Test]
    public void The_line_of_a_card_that_Cosmos_drives_is_left_alone_and_our_devices_on_it_are_polled()
    {
        using Pc pc = new();
        pc.AddForeign(E1000, EthernetClass, 11);
        pc.Platform.SetMask(11, isMasked: false);
        NetDevice model = pc.AddCard(line: 11);
        pc.Boot();
        byte[] buffer = pc.Buffer(512);

        model.Receive(new byte[60]);
        pc.Run();
        int beforePoll = pc.Card.NextLength;
        pc.Machine.Lines.Poll();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(pc.Platform.IsConnected(11), Is.False);
            Assert.That(pc.Platform.IsMasked(11), Is.False);
            Assert.That(pc.Platform.Taken, Is.Zero);
            Assert.That((beforePoll, pc.Card.NextLength), Is.EqualTo((0, 60)));
            Assert.That(pc.Platform.Lines.Single(), Does.EndWith(", packed ring, polled"));
        }
    }

    [Test]
    public void A_device_that_interrupts_at_once_does_not_stop_the_processor_on_a_foreign_line()
    {
        using Pc pc = new();
        pc.AddForeign(E1000, EthernetClass, 11);
        pc.Platform.SetMask(11, isMasked: false);
        NetDevice model = pc.AddCard(line: 11);
        bool hasCome = false;
        pc.Platform.AfterWrite = () =>
        {
            if (model.IsRunning && !hasCome)
            {
                hasCome = true;
                model.Receive(new byte[60]);
                pc.Run();
            }
        };

        pc.Boot();
        pc.Card.Poll();

        Assert.That((pc.Platform.Taken, pc.Platform.IsMasked(11), pc.Card.NextLength), Is.EqualTo((0, false, 60)));
    }

    [Test]
    public void A_device_that_is_restarted_still_keeps_off_a_foreign_line()
    {
        using Pc pc = new();
        pc.AddForeign(E1000, EthernetClass, 11);
        pc.Platform.SetMask(11, isMasked: false);
        NetDevice model = pc.AddCard(line: 11);
        pc.Boot();
        model.SetNeedsReset("of a test");
        pc.Machine.Lines.Poll();

        bool isBack = pc.Card.Enable();
        model.Receive(new byte[60]);
        pc.Run();

        Assert.That((isBack, pc.Platform.Taken, pc.Platform.IsMasked(11)), Is.EqualTo((true, 0, false)));
    }

    [Test]
    public void Functions_without_a_Cosmos_handler_do_not_keep_us_from_their_lines()
    {
        using Pc pc = new();
        pc.AddForeign(0x11111234, VideoClass, 11);
        pc.AddDisk(8);

        pc.Boot();

        Assert.That(pc.Platform.Lines.Single(), Does.EndWith("INTx line 11"));
    }

    [Test]
    public void A_function_without_a_line_is_polled()
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard(line: 255);
        pc.Boot();

        model.Receive(new byte[60]);
        pc.Run();
        pc.Card.Poll();

        Assert.That(pc.Card.NextLength, Is.EqualTo(60));
    }

    [Test]
    public void A_device_that_firmware_placed_out_of_reach_is_driven_through_its_configuration_space()
    {
        using Pc pc = new();
        var model = new BlockDevice(pc.Platform.Pages, 9);
        model.Disk.Fill(4);
        pc.AddOutOfReach(model);
        byte[] buffer = pc.Buffer(512);

        pc.Boot().Disk.Read(8, 1, buffer);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(buffer, Is.All.EqualTo(4));
            Assert.That(pc.Disk.Device.Transport.Kind, Is.EqualTo("virtio-pci through configuration space"));
            Assert.That(pc.Platform.ModelPorts.InterruptibleAccesses, Is.Zero);
            Assert.That(pc.Platform.AreInterruptsOn, Is.True);
        }
    }

    private sealed class Console(Devices.Memory.GuestMemory memory) : VirtioDeviceModel(3, 1, 0, memory)
    {
        protected override ulong TypeFeatures => 0;

        protected override bool Serve(ModelQueue queue) => false;
    }
}
