using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Cosmos.Net;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;
using VirtioGuest.Simulation;

namespace VirtioGuest.Cosmos.Tests.Net;

/// <summary>
/// A card does not wait for the end of a call: here it acts after each step of every call, once each, and its interrupt
/// comes at once, late, twice, before its time, or not at all. Whatever it does, no frame is left lying, no request is
/// lost, and nobody has to look again.
/// </summary>
public sealed class CardInterruptionTests
{
    private const byte Line = 11;

    [Test]
    public void A_frame_that_arrives_after_any_step_of_a_poll_is_taken(
        [Values] bool isPacked, [Values] Arrival arrival, [Values] bool inInterrupt) =>
        Exploration.Run(12, step =>
        {
            using Bench bench = new(isPacked, arrival);
            bench.Pc.Boot();
            bench.Listen();
            bench.Pc.Platform.HoldsInterrupts = true;
            bench.Model.Receive(Frame(60));
            bench.Pc.Run();
            if (inInterrupt)
            {
                bench.Arm(step, () => bench.Model.Receive(Frame(70)));
                bench.Pc.Platform.HoldsInterrupts = false;
            }
            else
            {
                // The interrupt for the first frame is on its way, and comes with the second one into the look.
                bench.Arm(step, () => bench.Model.Receive(Frame(70)));
                bench.Pc.Card.Poll();
            }

            bool isReached = bench.End();
            string lengths = string.Join(", ", bench.Frames.Select(frame => frame.Length));
            Assert.That(lengths, Is.EqualTo(isReached ? "60, 70" : "60"), $"after {step} steps");
            return isReached;
        });

    [Test]
    public void A_frame_that_arrives_while_the_card_starts_is_taken(
        [Values] bool isPacked, [Values(Arrival.AtOnce, Arrival.Late, Arrival.Twice)] Arrival arrival) =>
        Exploration.Run(12, step =>
        {
            using Bench bench = new(isPacked, arrival);
            bench.Arm(step, () => bench.Model.Receive(Frame(70)));
            bench.Pc.Boot();

            return bench.EndWithoutLeftOver(step);
        });

    [Test]
    public void A_frame_that_arrives_while_the_card_is_restarted_is_taken(
        [Values] bool isPacked, [Values(Arrival.AtOnce, Arrival.Late, Arrival.Twice)] Arrival arrival) =>
        Exploration.Run(12, step =>
        {
            using Bench bench = new(isPacked, arrival);
            bench.Pc.Boot();
            bench.Model.SetNeedsReset("of a test");
            bench.Arm(step, () => bench.Model.Receive(Frame(70)));
            Assert.That(bench.Pc.Card.Enable(), Is.True);

            return bench.EndWithoutLeftOver(step);
        });

    [Test]
    public void More_frames_than_there_are_buffers_all_come([Values] bool isPacked)
    {
        using Bench bench = new(isPacked, Arrival.AtOnce);
        bench.Pc.Boot();
        bench.Listen();

        for (int i = 0; i < 30; i++)
        {
            bench.Model.Receive(Frame(60 + i));
        }

        // The device uses up all buffers and sleeps until it is told of new ones, which the interrupt gives back.
        for (int turn = 0; turn < 30; turn++)
        {
            bench.Pc.Platform.HoldsInterrupts = true;
            bench.Pc.Run();
            bench.Pc.Platform.HoldsInterrupts = false;
        }

        Assert.That(bench.Frames.Select(frame => frame.Length), Is.EqualTo(Enumerable.Range(60, 30)));
    }

    [Test]
    public void A_flood_that_waits_is_taken_to_its_end_in_one_poll([Values] bool isPacked)
    {
        using Bench bench = new(isPacked, Arrival.AtOnce, buffers: 128);
        bench.Pc.Boot();
        bench.Listen();
        bench.Pc.Platform.HoldsInterrupts = true;
        for (int i = 0; i < 128; i++)
        {
            bench.Model.Receive(Frame(60 + i));
        }

        bench.Pc.Run();
        bench.Pc.Platform.HoldsInterrupts = false;

        Assert.That(bench.Frames.Select(frame => frame.Length), Is.EqualTo(Enumerable.Range(60, 128)));
    }

    [Test]
    public void Frames_are_sent_once_each_wherever_the_device_takes_them(
        [Values] bool isPacked, [Values] Arrival arrival) =>
        Exploration.Run(20, step =>
        {
            using Bench bench = new(isPacked, arrival);
            bench.Pc.Boot();
            bench.Arm(step, () => { });
            List<int> accepted = [];
            for (int length = 60; length < 68; length++)
            {
                if (bench.Pc.Card.Send(Frame(length), 0, length))
                {
                    accepted.Add(length);
                }
            }

            bool isReached = bench.End();
            bench.Pc.Run();
            Assert.That(bench.Model.SentFrames.Select(frame => frame.Length), Is.EqualTo(accepted), $"step {step}");
            Assert.That(bench.Pc.Card.IsSendFull, Is.False, $"after {step} steps");
            Assert.That(bench.Pc.Card.Send(Frame(70), 0, 70), Is.True, $"after {step} steps");
            return isReached;
        });

    [Test]
    public void A_card_that_asks_for_a_reset_after_any_step_runs_again_one_tick_later(
        [Values] bool isPacked, [Values] Arrival arrival, [Values("poll", "send", "enable", "timer")] string call) =>
        Exploration.Run(3, step =>
        {
            using Bench bench = new(isPacked, arrival);
            bench.Pc.Boot();
            if (call is "enable" or "timer")
            {
                bench.Model.SetNeedsReset("before");
            }

            bench.Arm(step, bench.AskForReset);
            Call(bench.Pc, call);
            bool isReached = bench.End();
            bench.Turn();
            bench.Turn();

            Assert.That(bench.Pc.Card.IsReady, Is.True, $"after {step} steps");
            bench.Listen();
            bench.Model.Receive(Frame(80));
            bench.Pc.Run();
            Assert.That(bench.Pc.Card.Send(Frame(81), 0, 81), Is.True);
            bench.Pc.Run();
            Assert.That(bench.Frames.Select(frame => frame.Length), Is.EqualTo(new[] { 80 }), $"after {step} steps");
            Assert.That(bench.Model.SentFrames.Select(frame => frame.Length), Does.Contain(81), $"after {step} steps");
            return isReached;
        });

    [Test]
    public void A_change_of_the_link_after_any_step_is_known([Values] bool isPacked, [Values] Arrival arrival) =>
        Exploration.Run(3, step =>
        {
            using Bench bench = new(isPacked, arrival);
            bench.Pc.Boot();
            bench.Arm(step, () => bench.Model.IsLinkUp = false);
            bench.Pc.Card.Poll();
            bench.Pc.Card.Send(Frame(60), 0, 60);
            bool isReached = bench.End();
            Assert.That(bench.Pc.Card.IsReady, Is.True, $"after {step} steps");
            Assert.That(bench.Pc.Card.Device.IsLinkUp, Is.EqualTo(!isReached), $"after {step} steps");
            return isReached;
        });

    private static void Call(Pc pc, string name)
    {
        switch (name)
        {
            case "poll":
                pc.Card.Poll();
                break;
            case "send":
                pc.Card.Send(Frame(60), 0, 60);
                break;
            case "enable":
                pc.Card.Enable();
                break;
            default:
                pc.Card.Attend();
                break;
        }
    }

    private static byte[] Frame(int length) => [.. Enumerable.Range(0, length).Select(i => (byte)(i + length))];

    /// <summary>A PC with a card of a few buffers each way.</summary>
    private sealed class Bench : IDisposable
    {
        private readonly Arrival _arrival;
        private readonly Steps _steps;
        private bool _isReached;

        public Bench(bool isPacked, Arrival arrival, ushort buffers = 4)
        {
            _arrival = arrival;
            Model = Pc.AddCard(Line, card =>
            {
                if (!isPacked)
                {
                    card.OfferedFeatures &= ~FeatureBit.RingPacked;
                }

                card.Queues[0].MaximumSize = buffers;
                card.Queues[1].MaximumSize = buffers;
            });
            _steps = Pc.CountSteps();
        }

        public Pc Pc { get; } = new Pc();

        public NetDevice Model { get; }

        public List<byte[]> Frames { get; } = [];

        public void Listen() => Pc.Card.Listener = new Listener(Frames);

        /// <summary>Has the device do something after so many steps, and interrupt.</summary>
        public void Arm(int step, Action action) => _steps.Arm(step, () =>
        {
            _isReached = true;
            _arrival.Interrupt(Pc.Platform, Line, _steps, () =>
            {
                action();
                Pc.Run();
            });
        });

        /// <summary>The device asks for a reset, if its driver runs.</summary>
        public void AskForReset()
        {
            if (Model.IsRunning)
            {
                Model.SetNeedsReset("of a test");
            }
        }

        /// <summary>Lets every pending interrupt come.</summary>
        /// <returns>Whether the device came to act.</returns>
        public bool End()
        {
            _steps.Disarm();
            if (_arrival == Arrival.Never)
            {
                // The timer looks as well, and finds all of it: the interrupt that comes now is for nothing.
                Pc.Card.Poll();
                int found = Frames.Count;
                Release();
                Assert.That(Frames, Has.Count.EqualTo(found));
            }

            Release();
            return _isReached;
        }

        private void Release()
        {
            Pc.Platform.RestoreInterrupts(1);
            Pc.Platform.HoldsInterrupts = false;
        }

        /// <summary>The same, and then a further look finds nothing more.</summary>
        public bool EndWithoutLeftOver(int step)
        {
            bool isReached = End();
            Pc.Run();
            Assert.That(Pc.Card.IsReady, Is.True);
            int before = Pc.Card.NextLength;
            Pc.Card.Poll();
            Assert.That(before, Is.EqualTo(Pc.Card.NextLength), $"what came after {step} steps lay there");
            return isReached;
        }

        /// <summary>A turn of the timer.</summary>
        public void Turn()
        {
            Pc.Machine.Lines.Poll();
            Pc.Card.Attend();
        }

        public void Dispose()
        {
            _steps.Dispose();
            Pc.Dispose();
        }
    }

    private sealed class Listener(List<byte[]> frames) : FrameListener
    {
        public override bool TryTake(byte[] frame)
        {
            frames.Add(frame);
            return true;
        }
    }
}
