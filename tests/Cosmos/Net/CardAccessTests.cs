using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Cosmos.Net;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;

namespace VirtioGuest.Cosmos.Tests.Net;

/// <summary>Frames in and out, and everything that a card refuses without an exception.</summary>
public sealed class CardAccessTests
{
    [Test]
    public void A_frame_goes_out_as_the_part_of_the_buffer_that_holds_it([Values] bool isPacked)
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard(prepare: card => UseFormat(card, isPacked));
        byte[] frame = Frame(60);
        pc.Boot();

        bool isSent = pc.Card.Send([1, 2, 3, .. frame, 4, 5], 3, 60);
        pc.Run();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(isSent, Is.True);
            Assert.That(model.SentFrames, Is.EqualTo(new[] { frame }));
            Assert.That(model.Findings, Is.Empty);
        }
    }

    [Test]
    public void A_frame_that_arrives_goes_to_the_listener_in_the_interrupt()
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard();
        var listener = new Listener();
        pc.Boot().Card.Listener = listener;

        model.Receive(Frame(60));
        model.Receive(Frame(1514));
        pc.Run();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(listener.Frames, Is.EqualTo(new[] { Frame(60), Frame(1514) }));
            Assert.That(pc.Card.NextLength, Is.Zero);
            Assert.That(pc.Platform.Taken, Is.Positive);
            Assert.That(pc.Platform.IsRaised(11), Is.False);
        }
    }

    [Test]
    public void Frames_that_nobody_takes_wait_in_order()
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard();
        pc.Boot();

        model.Receive(Frame(60));
        model.Receive(Frame(70));
        pc.Run();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(pc.Card.NextLength, Is.EqualTo(60));
            Assert.That(pc.Card.TakeFrame(), Is.EqualTo(Frame(60)));
            Assert.That(pc.Card.TakeFrame(), Is.EqualTo(Frame(70)));
            Assert.That(pc.Card.TakeFrame(), Is.Null);
            Assert.That(pc.Card.NextLength, Is.Zero);
        }
    }

    [Test]
    public void More_than_64_frames_that_nobody_takes_are_dropped_and_counted()
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard();
        pc.Boot();

        for (int i = 0; i < 70; i++)
        {
            model.Receive(Frame(60 + i));
            pc.Run();
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(pc.Card.IsReceiveFull, Is.True);
            Assert.That(pc.Card.Dropped, Is.EqualTo(6));
            Assert.That(Taken(pc.Card), Is.EqualTo(Enumerable.Range(60, 64)));
            Assert.That(pc.Card.IsReceiveFull, Is.False);
        }
    }

    [TestCase(60, 0, 60, true)]
    [TestCase(100, 40, 60, true)]
    [TestCase(100, 0, 100, true)]
    [TestCase(100, 0, 59, false)]
    [TestCase(59, 0, 60, false)]
    [TestCase(100, 41, 60, false)]
    [TestCase(100, -1, 60, false)]
    [TestCase(100, int.MaxValue, 60, false)]
    [TestCase(100, 0, -1, false)]
    public void A_waiting_frame_is_copied_where_there_is_room_and_otherwise_stays(
        int bufferLength, int offset, int maximum, bool isCopied)
    {
        using Pc pc = new();
        pc.AddCard();
        pc.Boot();
        Model(pc).Receive(Frame(60));
        pc.Run();
        byte[] buffer = new byte[bufferLength];

        bool result = pc.Card.TryCopyFrame(buffer, offset, maximum);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(result, Is.EqualTo(isCopied));
            Assert.That(buffer.Skip(offset).Take(60), isCopied ? Is.EqualTo(Frame(60)) : Is.All.Zero);
            Assert.That(pc.Card.NextLength, Is.EqualTo(isCopied ? 0 : 60));
        }
    }

    [Test]
    public void Nothing_is_copied_where_there_is_no_frame_or_no_buffer()
    {
        using Pc pc = new();
        pc.AddCard();
        pc.Boot();

        Assert.That(pc.Card.TryCopyFrame(new byte[100], 0, 100), Is.False);
        Model(pc).Receive(Frame(60));
        pc.Run();
        Assert.That(pc.Card.TryCopyFrame(null, 0, 100), Is.False);
    }

    [TestCase(-1, 60)]
    [TestCase(0, -1)]
    [TestCase(0, 101)]
    [TestCase(41, 60)]
    [TestCase(101, 0)]
    [TestCase(int.MaxValue, int.MaxValue)]
    [TestCase(0, 13, Description = "shorter than an Ethernet header")]
    public void A_range_that_is_no_frame_is_refused(int offset, int length)
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard();
        pc.Boot();

        bool isSent = pc.Card.Send(new byte[100], offset, length);
        pc.Run();

        Assert.That((isSent, model.SentFrames.Count), Is.EqualTo((false, 0)));
    }

    [Test]
    public void A_null_buffer_and_a_frame_that_is_too_long_are_refused()
    {
        using Pc pc = new();
        pc.AddCard();
        pc.Boot();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(pc.Card.Send(null, 0, 60), Is.False);
            Assert.That(pc.Card.Send(new byte[2000], 0, 1515), Is.False);
            Assert.That(pc.Card.Send(new byte[2000], 0, 1514), Is.True);
        }
    }

    [Test]
    public void A_card_that_sends_nothing_fills_up_says_so_and_recovers()
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard();
        pc.Boot();

        int accepted = 0;
        while (accepted < 1000 && pc.Card.Send(Frame(60), 0, 60))
        {
            accepted++;
        }

        bool wasFull = pc.Card.IsSendFull;
        pc.Run();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(accepted, Is.InRange(16, 256));
            Assert.That(wasFull, Is.True);
            Assert.That(pc.Card.IsSendFull, Is.False);
            Assert.That(pc.Card.Send(Frame(60), 0, 60), Is.True);
            Assert.That(model.SentFrames, Has.Count.EqualTo(accepted));
        }
    }

    [Test]
    public void A_broken_card_sends_nothing_until_it_is_enabled()
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard();
        pc.Boot();
        model.SetNeedsReset("of a test");

        bool whileBroken = pc.Card.Send(Frame(60), 0, 60) || pc.Card.IsReady;
        bool isEnabled = pc.Card.Enable();
        bool afterwards = pc.Card.Send(Frame(61), 0, 61);
        pc.Run();

        using (Assert.EnterMultipleScope())
        {
            Assert.That((whileBroken, isEnabled, afterwards), Is.EqualTo((false, true, true)));
            Assert.That(model.SentFrames, Is.EqualTo(new[] { Frame(61) }));
        }
    }

    [Test]
    public void A_card_that_cannot_be_restarted_is_not_ready_and_may_be_enabled_later()
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard();
        pc.Boot();
        model.RefusesFeatures = true;
        model.SetNeedsReset("of a test");

        Assert.That((pc.Card.Enable(), pc.Card.Enable(), pc.Card.IsReady), Is.EqualTo((false, false, false)));
        model.RefusesFeatures = false;
        Assert.That(pc.Card.Enable(), Is.True);
    }

    [Test]
    public void A_card_that_never_confirms_a_reset_is_cut_off()
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard();
        pc.Boot();
        model.ResetDelay = int.MaxValue;
        model.SetNeedsReset("of a test");
        pc.Platform.WaitTicks = ModelPlatform.TicksPerSecond / 10;

        Assert.That((pc.Card.Enable(), pc.Card.Enable(), pc.Card.Send(Frame(60), 0, 60)),
            Is.EqualTo((false, false, false)));
    }

    [Test]
    public void Sending_is_not_interrupted_and_leaves_interrupts_as_they_were([Values] bool wereOn)
    {
        using Pc pc = new();
        pc.AddCard();
        pc.Boot();
        pc.Platform.RestoreInterrupts(wereOn ? 1u : 0);
        pc.Platform.InterruptibleWrites = 0;
        pc.Platform.UninterruptedWrites = 0;

        pc.Card.Send(Frame(60), 0, 60);

        Assert.That((pc.Platform.InterruptibleWrites, pc.Platform.UninterruptedWrites, pc.Platform.AreInterruptsOn),
            Is.EqualTo((0, 1, wereOn)));
    }

    [Test]
    public void A_listener_may_answer_from_the_interrupt()
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard();
        pc.Boot();
        pc.Card.Listener = new Listener { OnFrame = () => pc.Card.Send(Frame(64), 0, 64) };

        model.Receive(Frame(60));
        pc.Run();

        Assert.That(model.SentFrames, Is.EqualTo(new[] { Frame(64) }));
    }

    [Test]
    public void A_poll_that_interrupts_another_one_leaves_the_frames_to_it()
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard();
        pc.Boot();
        var listener = new Listener();
        listener.OnFrame = () => pc.Platform.InInterrupt(() =>
        {
            pc.Card.Poll();
            listener.Depths.Add(listener.Depth);
        });
        pc.Card.Listener = listener;
        pc.Platform.SetMask(11, isMasked: true);
        for (int i = 0; i < 10; i++)
        {
            model.Receive(Frame(60 + i));
        }

        pc.Run();
        pc.Card.Poll();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(listener.Frames.Select(frame => frame.Length), Is.EqualTo(Enumerable.Range(60, 10)));
            Assert.That(listener.Depths, Is.All.EqualTo(1));
        }
    }

    [Test]
    public void A_flood_leaves_the_processor_time_and_the_next_polls_take_the_rest()
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard();
        pc.Boot();
        int left = 5000;
        int inOnePoll = 0;
        pc.Card.Listener = new Listener
        {
            OnFrame = () =>
            {
                inOnePoll++;
                if (left-- > 0)
                {
                    model.Receive(Frame(60));
                    model.Run();
                }
            },
        };
        pc.Platform.SetMask(11, isMasked: true);
        model.Receive(Frame(60));
        pc.Run();

        pc.Card.Poll();
        int first = inOnePoll;
        for (int i = 0; i < 100; i++)
        {
            pc.Run();
            pc.Card.Poll();
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(first, Is.InRange(1, 8 * 64));
            Assert.That(inOnePoll, Is.EqualTo(5001));
        }
    }

    [Test]
    public void The_address_is_the_devices()
    {
        using Pc pc = new();
        pc.AddCard();

        Assert.That(pc.Boot().Card.ReadMacAddress(), Is.EqualTo(Pc.Mac));
    }

    private static NetDevice Model(Pc pc) => pc.Models.OfType<NetDevice>().Single();

    private static List<int> Taken(CardAccess card)
    {
        var lengths = new List<int>();
        while (card.TakeFrame() is byte[] frame)
        {
            lengths.Add(frame.Length);
        }

        return lengths;
    }

    private static byte[] Frame(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i + length))];

    private static void UseFormat(NetDevice card, bool isPacked)
    {
        if (!isPacked)
        {
            card.OfferedFeatures &= ~FeatureBit.RingPacked;
        }
    }

    private sealed class Listener : FrameListener
    {
        public List<byte[]> Frames { get; } = [];

        public List<int> Depths { get; } = [];

        public int Depth { get; private set; }

        public System.Action OnFrame { get; set; } = () => { };

        public override bool TryTake(byte[] frame)
        {
            Depth++;
            Frames.Add(frame);
            OnFrame();
            Depth--;
            return true;
        }
    }
}
