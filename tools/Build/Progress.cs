using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using System.Threading.Tasks;
using Spectre.Console;

namespace VirtioGuest.Build;

/// <summary>
/// Shows what the tool is doing: a line with the time for each step, and a spinner meanwhile if there is a terminal.
/// A step must not write to the terminal unless it fails.
/// </summary>
internal static class Progress
{
    /// <summary>How often a long step reports where there is no terminal to show its stage on.</summary>
    private static readonly TimeSpan s_silence = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    // A terminal has one place for a spinner: steps within steps have only their lines.
    private static volatile bool s_isShowing;

    public static void Step(string what, Action action) => Step(what, () =>
    {
        action();
        return true;
    });

    public static T Step<T>(string what, Func<T> action)
    {
        var watch = Stopwatch.StartNew();
        T result = Console.IsOutputRedirected || s_isShowing
            ? action()
            : AnsiConsole.Status().Start(Markup.Escape(what), _ => action());
        Console.WriteLine($"{what}: {watch.Elapsed.TotalSeconds:F1} s");
        return result;
    }

    /// <summary>
    /// Runs steps side by side. Each one's line comes when it ends, behind the notes that it returns.
    /// </summary>
    /// <param name="steps">What they do, and what does it; they are begun in this order.</param>
    /// <param name="atOnce">How many run at any time.</param>
    public static void Steps(IReadOnlyList<(string What, Func<IEnumerable<string>> Action)> steps, int atOnce)
    {
        List<string> running = [];
        if (Console.IsOutputRedirected)
        {
            RunAll(Console.WriteLine, _ => { });
        }
        else
        {
            s_isShowing = true;
            AnsiConsole.Status().Start("...", context =>
                RunAll(AnsiConsole.WriteLine, status => context.Status(Markup.Escape(status))));
            s_isShowing = false;
        }

        void RunAll(Action<string> writeLine, Action<string> show) => Parallel.ForEach(
            Partitioner.Create(steps, EnumerablePartitionerOptions.NoBuffering),
            new ParallelOptions { MaxDegreeOfParallelism = atOnce },
            step =>
            {
                lock (running)
                {
                    running.Add(step.What);
                    show(string.Join(", ", running));
                }

                var watch = Stopwatch.StartNew();
                IEnumerable<string> notes = step.Action();
                lock (running)
                {
                    running.Remove(step.What);
                    show(string.Join(", ", running));
                    foreach (string note in notes)
                    {
                        writeLine(note);
                    }

                    writeLine($"{step.What}: {watch.Elapsed.TotalSeconds:F1} s");
                }
            });
    }

    /// <summary>Runs a step that takes minutes, and shows how far it has come.</summary>
    /// <param name="what">What it does.</param>
    /// <param name="action">Does it.</param>
    /// <param name="stage">How far it has come, in a few words; called from another thread.</param>
    public static void Step(string what, Action action, Func<string> stage)
    {
        var watch = Stopwatch.StartNew();
        if (Console.IsOutputRedirected)
        {
            using var timer = new Timer(_ => Console.WriteLine(Stage()), null, s_silence, s_silence);
            action();
        }
        else
        {
            AnsiConsole.Status().Start(Markup.Escape(what), context =>
            {
                using var timer = new Timer(_ => context.Status(Markup.Escape(Stage())), null, s_second, s_second);
                action();
            });
        }

        Console.WriteLine($"{what}: {watch.Elapsed.TotalSeconds:F1} s");

        string Stage() => $"{what}: {watch.Elapsed.TotalSeconds:F0} s, {stage()}";
    }
}
