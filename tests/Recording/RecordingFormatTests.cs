using System;
using System.IO;
using System.Linq;
using System.Text;
using NUnit.Framework;
using VirtioGuest.Hal;

namespace VirtioGuest.Recording.Tests;

/// <summary>What is written is read again, and what is damaged is refused in words.</summary>
public class RecordingFormatTests
{
    private static readonly RecordedQueue s_queue =
        RecordedQueue.Of(3, "a \"queue\"", 256, 0xF_FFFF_FFFF_F000, 0x2000, 0x3000, 1UL << 34) with { Start = 300 };

    [Test]
    public void Every_kind_of_step_comes_back_as_it_was_written()
    {
        Recording read = Read(Write());
        using (Assert.EnterMultipleScope())
        {
            Assert.That(read.Header.Title, Is.EqualTo("a title\nin two lines \\"));
            Assert.That(read.Header.Actors, Is.EqualTo(new[] { "driver", "device" }));
            Assert.That(read.Header.HasViews && read.Header.IsTimed, Is.True);
            Assert.That(read.Queues, Is.EqualTo(new[] { (0, s_queue) }));
            Assert.That(read.Places, Is.EqualTo(new[] { new RecordedPlace("src/A.cs", 12, "A.B") }));
            Assert.That(
                read.Steps.Select(each => each with { Bytes = default }),
                Is.EqualTo(new RecordedStep[]
                {
                    new(StepKind.Store, 0, 1, 0x1000, 2, default, 1, 103, 1),
                    new(StepKind.Load, 1, 2, 0x1000, 2),
                    new(StepKind.Data, 1, 3, 0x9000, 512, default, 1),
                    new(StepKind.Sync, 0, 4, 0x1000, 16, default, 12, 101),
                    new(StepKind.Barrier, 0, 5, 1, 0, default, 0, 111),
                    new(StepKind.View, 1, 6, 0x1000, 1),
                    new(StepKind.Kick, 0, 7, 3),
                    new(StepKind.Interrupt, 1, 8, 3),
                    new(StepKind.Note, 0, 9, Text: "says {\"x\"}"),
                    new(StepKind.Failure, 1, ulong.MaxValue, Text: "breaks"),
                }));
            Assert.That(read.Steps[0].Bytes.ToArray(), Is.EqualTo(new byte[] { 0x80, 0xFF }));
            Assert.That(read.Dropped, Is.Zero);
        }
    }

    [Test]
    public void A_recording_is_found_in_a_serial_log_and_in_the_image_of_a_disk()
    {
        string text = Write();
        string log = "vg> trace stop serial\r\n"
            + text.Replace("\n", "\r\nnet0: something else\r\n", StringComparison.Ordinal);
        string image = text + "\0\0\0\0 what the disk held before {\n[\n";
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Read(log).Steps, Has.Count.EqualTo(10));
            Assert.That(Read(image).Steps, Has.Count.EqualTo(10));
        }
    }

    [Test]
    public void A_recording_that_is_cut_off_anywhere_is_refused_with_the_reason()
    {
        string text = Write();
        for (int length = 0; length < text.Length - 1; length += 7)
        {
            InvalidDataException error = Assert.Throws<InvalidDataException>(() => Read(text[..length]))!;
            Assert.That(
                error.Message,
                Does.Contain("there is no recording").Or.Contain("cut off after step").Or.Contain("is no part of"));
        }
    }

    [Test]
    public void A_missing_step_is_noticed()
    {
        string[] lines = Write().Split('\n');
        string damaged = string.Join('\n', lines.Where(line => !line.StartsWith("[\"k\"", StringComparison.Ordinal)));
        Assert.That(
            () => Read(damaged), Throws.TypeOf<InvalidDataException>().With.Message.Contain("some are missing"));
    }

    [TestCase("{\"virtioguest-recording\":1,", "{\"virtioguest-recording\":2,", "version 2 of the format")]
    [TestCase("[\"k\",0,", "[\"x\",0,", "no kind of step")]
    [TestCase("[\"k\",0,", "[\"k\",2,", "no actor 2")]
    [TestCase("\"80ff\"", "\"80f\"", "is no part of a recording")]
    [TestCase("\"size\":256", "\"size\":0", "1 to 32768 descriptors")]
    [TestCase(",103,1]", ",103,9]", "no line of source 9")]
    public void What_makes_no_sense_is_refused(string text, string instead, string reason) => Assert.That(
        () => Read(Write().Replace(text, instead, StringComparison.Ordinal)),
        Throws.TypeOf<InvalidDataException>().With.Message.Contain(reason));

    [Test]
    public void Steps_beyond_the_limit_are_counted_and_not_written()
    {
        var text = new StringWriter();
        using (var writer = new RecordingWriter(text, new RecordingHeader("t", "model", ["driver"]), mostSteps: 2))
        {
            for (int i = 0; i < 5; i++)
            {
                writer.Notify(StepKind.Kick, 0, 0, 0);
            }
        }

        Recording read = Read(text.ToString());
        Assert.That((read.Steps.Count, read.Dropped), Is.EqualTo((2, 3L)));
    }

    private static string Write()
    {
        var text = new StringWriter();
        var header = new RecordingHeader("a title\nin two lines \\", "model", ["driver", "device"], true, true);
        using (var writer = new RecordingWriter(text, header))
        {
            writer.Add(s_queue);
            int place = writer.NumberOf(new RecordedPlace("src/A.cs", 12, "A.B"));
            writer.Access(StepKind.Store, 0, 1, 0x1000, [0x80, 0xFF], true, (AccessSite)103, place);
            writer.Access(StepKind.Load, 1, 2, 0x1000, [0x80, 0xFF]);
            writer.Data(1, 3, 0x9000, 512, isWrite: true);
            writer.Sync(0, 4, 0x1000, 16, DmaSync.PreWrite | DmaSync.PostWrite, (AccessSite)101);
            writer.Barrier(0, 5, isForDevice: true, (AccessSite)111);
            writer.Access(StepKind.View, 1, 6, 0x1000, [0x80]);
            writer.Notify(StepKind.Kick, 0, 7, 3);
            writer.Notify(StepKind.Interrupt, 1, 8, 3);
            writer.Say(StepKind.Note, 0, 9, "says {\"x\"}");
            writer.Say(StepKind.Failure, 1, ulong.MaxValue, "breaks");
        }

        return text.ToString();
    }

    private static Recording Read(string text) =>
        Recording.Read(new StringReader(Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(text))));
}
