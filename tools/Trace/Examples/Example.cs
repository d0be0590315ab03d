using System;
using System.Collections.Generic;

namespace VirtioGuest.Trace.Examples;

/// <summary>A recording that the build can make by itself.</summary>
/// <param name="Name">What the command line calls it.</param>
/// <param name="Summary">What it shows.</param>
/// <param name="Record">Makes it, in a file that is replaced.</param>
internal sealed record Example(string Name, string Summary, Action<string> Record)
{
    /// <summary>All of them, in the order in which docs/learn.md comes by them.</summary>
    public static IReadOnlyList<Example> All { get; } =
    [
        new("split", "a disk request through a split ring, there and back", Requests.RecordSplit),
        new("packed", "buffers around a packed ring of four, used out of order", Requests.RecordPacked),
        new("event-index", "event index: who asks to be told at which place", Requests.RecordEventIndex),
        new("weak-memory", "one buffer between two processors with store buffers", WeakStories.RecordSound),
        new("lost-wake-up", "the kick without its barrier: both sides sleep", WeakStories.RecordLostWakeUp),
        new("kern60144", "NetBSD kern/60144: a look without its PREREAD", MissingPreRead.Record),
        new("pr50", "kvm-host pull request 50: USED before id and len", LateUsedStory.Record),
    ];
}
