using System;
using System.Diagnostics;
using System.Threading;
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

    public static void Step(string what, Action action) => Step(what, () =>
    {
        action();
        return true;
    });

    public static T Step<T>(string what, Func<T> action)
    {
        var watch = Stopwatch.StartNew();
        T result = Console.IsOutputRedirected
            ? action()
            : AnsiConsole.Status().Start(Markup.Escape(what), _ => action());
        Console.WriteLine($"{what}: {watch.Elapsed.TotalSeconds:F1} s");
        return result;
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
