using System;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Text.RegularExpressions;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings.Packed;
using VirtioGuest.Trace;
using VirtioGuest.Trace.Examples;

namespace VirtioGuest.Recording.Tests;

/// <summary>The recordings that the build makes show what they say.</summary>
public class ExampleTests
{
    private const int FlagsOffset = 14;

    private static string[] Names => [.. Example.All.Select(each => each.Name)];

    [TestCaseSource(nameof(Names))]
    public void An_example_has_a_queue_and_says_where_each_access_of_it_comes_from(string name)
    {
        Recording recording = Samples.Example(name);
        RecordedQueue queue = recording.Queues.Single().Queue;
        RecordedStep[] accesses = [.. recording.Steps.Where(step =>
            step.Kind is StepKind.Store or StepKind.Load && queue.Holds(step.Address, step.Length))];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(accesses, Is.Not.Empty);
            Assert.That(accesses.Select(step => step.Place), Has.None.Zero);
            Assert.That(
                recording.Places.Select(place => Path.Combine(Samples.Root, place.File)),
                Has.All.Matches<string>(File.Exists));
        }
    }

    [TestCase("pr50")]
    [TestCase("kern60144")]
    [TestCase("lost-wake-up")]
    public void An_example_of_a_fault_ends_with_a_failure(string name) =>
        Assert.That(Samples.Example(name).Steps.Single(step => step.Kind == StepKind.Failure).Text, Is.Not.Empty);

    [TestCase("split")]
    [TestCase("packed")]
    [TestCase("event-index")]
    [TestCase("weak-memory")]
    public void An_example_of_what_is_right_has_none(string name) =>
        Assert.That(Samples.Example(name).Steps.Select(step => step.Kind), Has.None.EqualTo(StepKind.Failure));

    [Test]
    public void In_PR_50_the_driver_takes_a_field_that_is_not_the_devices_yet()
    {
        Recording recording = Samples.Example("pr50");
        RecordedQueue queue = recording.Queues.Single().Queue;
        var memory = new Reconstruction(recording.Header);
        recording.Steps.ForEach(step => memory.Apply(step));
        byte[] driver = memory.SeenBy(0, queue.DescriptorArea, 16);
        byte[] device = memory.SeenBy(1, queue.DescriptorArea, 16);
        Assert.That(driver[FlagsOffset..], Is.EqualTo(device[FlagsOffset..]), "the flags have arrived");
        Assert.That(driver[8..FlagsOffset], Is.Not.EqualTo(device[8..FlagsOffset]), "the rest has not");
    }

    [Test]
    public void In_kern_60144_the_driver_never_sees_the_flags_that_memory_has()
    {
        Recording recording = Samples.Example("kern60144");
        RecordedQueue queue = recording.Queues.Single().Queue;
        var memory = new Reconstruction(recording.Header);
        recording.Steps.ForEach(step => memory.Apply(step));
        Assert.That(memory.SeenBy(1, queue.DescriptorArea + FlagsOffset, 2), Is.EqualTo(new byte[] { 0x82, 0x80 }));
        Assert.That(memory.SeenBy(0, queue.DescriptorArea + FlagsOffset, 2), Is.EqualTo(new byte[] { 0x82, 0x00 }));
    }

    [Test]
    public void In_the_lost_wake_up_the_flags_are_still_in_the_store_buffer_when_the_device_looks()
    {
        Recording recording = Samples.Example("lost-wake-up");
        RecordedQueue queue = recording.Queues.Single().Queue;
        int published = recording.Steps.FindIndex(step => step.Site == (int)PackedSites.PublishHead);
        int looked = recording.Steps.FindIndex(
            published,
            step => step.Kind == StepKind.Load && step.Actor == 1 && step.Address == queue.DescriptorArea + 14);
        int seen = recording.Steps.FindIndex(
            published, step => step.Kind == StepKind.View && step.Address == queue.DescriptorArea + 14);
        Assert.That(looked, Is.GreaterThan(published));
        Assert.That(seen, Is.EqualTo(-1).Or.GreaterThan(looked));
        Assert.That(recording.Steps.Select(step => step.Kind), Has.None.EqualTo(StepKind.Kick));
    }

    [Test]
    public void The_page_needs_nothing_besides()
    {
        string page = File.ReadAllText(Samples.Page("self-contained", Samples.Example("packed")));
        Assert.That(page, Does.Not.Contain("http://").And.Not.Contain("https://").And.Not.Contain("@import"));
        Assert.That(page, Does.Not.Contain("src=").And.Not.Contain("/*RECORDING*/").And.Not.Contain(Samples.Root));
    }

    [Test]
    public void The_trace_for_Perfetto_has_an_event_for_each_step()
    {
        Recording recording = Samples.Example("split");
        using JsonDocument trace =
            JsonDocument.Parse(PerfettoTrace.Build(recording, SiteCatalog.Read(Samples.Root)));
        JsonElement[] events = [.. trace.RootElement.GetProperty("traceEvents").EnumerateArray()];
        Assert.That(events.Count(each => each.GetProperty("ph").GetString() is "X" or "i"),
            Is.EqualTo(recording.Steps.Count));
        Assert.That(events.Count(each => each.GetProperty("ph").GetString() == "M"), Is.EqualTo(4));
    }

    [Test]
    public void The_reading_path_comes_by_every_example_and_by_no_other_page()
    {
        string text = File.ReadAllText(Path.Combine(Samples.Root, "docs", "learn.md"));
        string[] pages = [.. Regex.Matches(text, @"`([\w-]+)\.html`").Select(each => each.Groups[1].Value).Distinct()];
        Assert.That(pages, Is.EqualTo(Names));
    }

    [Test]
    public void Every_named_place_is_found_in_the_sources()
    {
        SiteCatalog sites = SiteCatalog.Read(Samples.Root);
        Assert.That(sites.Count, Is.GreaterThan(60));
        Site site = sites.Find((int)PackedSites.NotificationBarrier)!;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(site.Name, Is.EqualTo("PackedSites.NotificationBarrier"));
            Assert.That(site.Clause, Is.EqualTo("2.8.21.2"));
            Assert.That(site.Without, Does.Contain("full barrier"));
            Assert.That(site.File, Does.StartWith("src/Drivers/Virtio/Rings/Packed/"));
            Assert.That(
                File.ReadAllLines(Path.Combine(Samples.Root, site.File))[site.Line - 1],
                Does.Contain("NotificationBarrier"));
        }
    }

    [Test]
    public void A_page_has_lines_of_sources_that_are_elsewhere()
    {
        string folder = Directory.CreateTempSubdirectory("elsewhere").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "Students.cs"), "one\ntwo\nthree\n");
            string path = Path.Combine(folder, "run.jsonl");
            var header = new RecordingHeader("a run", "model", ["driver", "device"]);
            using (var writer = RecordingWriter.Create(path, header))
            {
                int place = writer.NumberOf(new RecordedPlace("Students.cs", 2, "Student.Drive"));
                writer.Access(StepKind.Store, 0, 0, 0x1000, [1, 2], place: place);
            }

            Recording recording = Recording.Read(path);
            Assert.That(new PageMaker(Samples.Root, folder).Build(recording), Does.Contain("\"two\""));
            Assert.That(new PageMaker(Samples.Root).Build(recording), Does.Not.Contain("\"two\""));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
