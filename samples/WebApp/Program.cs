using System.Collections.Concurrent;
using System.Text.Json.Serialization;
using VirtioGuest.Kernel;

// The machine first: its devices, and an address for the network card.
Guest.Start();

// From here on it is an ASP.NET Core program as any other.
WebApplicationBuilder builder = WebApplication.CreateSlimBuilder(
    new WebApplicationOptions { ContentRootPath = "/", Args = args });
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.Services.ConfigureHttpJsonOptions(
    options => options.SerializerOptions.TypeInfoResolverChain.Insert(0, NotesJson.Default));
WebApplication app = builder.Build();

var notes = new ConcurrentDictionary<int, Note>();
int lastId = 0;

app.MapGet("/", () => "Notes are at /notes.\n");
app.MapGet("/notes", () => notes.Values.OrderBy(note => note.Id).ToArray());
app.MapGet("/notes/{id:int}", (int id) =>
    notes.TryGetValue(id, out Note? note) ? Results.Ok(note) : Results.NotFound());
app.MapPost("/notes", (NewNote added) =>
{
    var note = new Note(Interlocked.Increment(ref lastId), added.Text);
    notes[note.Id] = note;
    return Results.Created($"/notes/{note.Id}", note);
});
app.MapDelete("/notes/{id:int}", (int id) => notes.TryRemove(id, out _) ? Results.NoContent() : Results.NotFound());

app.Lifetime.ApplicationStarted.Register(() => Console.WriteLine("listening on port 8080"));
app.Run("http://0.0.0.0:8080");

internal sealed record Note(int Id, string Text);

internal sealed record NewNote(string Text);

[JsonSerializable(typeof(Note[]))]
[JsonSerializable(typeof(NewNote))]
internal sealed partial class NotesJson : JsonSerializerContext;
